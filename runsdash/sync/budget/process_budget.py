"""Decides what this process may send to a connection now: one `Budget` for its pages, one for its worker.

    rows of all processes                this process                      threads of the service
    ┌──────────────┐  claim  ►  ┌───────────────────────────┐  prepay  ►  ┌────────────────┐
    │ BudgetSecond │            │ Budget                    │             │ BudgetGate     │ ► upstream
    └──────────────┘  ◄  book   │ a Credit for each Purpose │  ◄  owed    │ prepaid, owed  │
                                └───────────────────────────┘             └────────────────┘
    Arrows show where credit goes; the Budget calls both sides.

`take` spends credit of a purpose before a read is sent. Where too little is left it claims as much as it used in
the last window looked at, so that a busy purpose asks the database once a window; refused once, it answers False until
the next window.
The gate never touches the database and never waits: it counts. What passes it without credit (writes, retries) is owed,
and booked when a client is next asked for.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from math import ceil
from threading import Lock, local
from time import time

from django.utils import timezone

from runsdash.index.models import Connection

from . import shared_budget
from .shared_budget import BudgetWindow, Purpose
from .shared_pauses import share_pause

# Unused credit that outlives its window: enough for what costs more than one request. That of active reads, which are
# spread over the window, outlives it whole.
CARRIED = 4
PREPAID_MOST = 64  # what is prepaid beyond that was paid and not sent; it is forgotten
AHEAD = 0.3  # of a window may go out early
ASKS_TO_WAIT = (429, 503)


class Reader(Enum):
    """Names for whom a process reads; each has a budget of its own."""

    PAGE = "page"
    WORKER = "worker"


@dataclass
class BudgetGate:
    """Counts each attempt for the service. `prepaid`: attempts that have credit; `owed_…`: those that are not."""

    connection_id: int
    prepaid: int = 0
    owed_reads: int = 0
    owed_writes: int = 0
    _lock: Lock = field(default_factory=Lock)
    _here: local = field(default_factory=local)

    def admit(self, *, is_write: bool, deadline: float) -> None:
        """Counts an attempt. Never waits: nobody may block a thread that all connections share."""
        self._here.is_write = is_write
        with self._lock:
            if is_write:
                self.owed_writes += 1
            elif self.prepaid:
                self.prepaid -= 1
            else:
                self.owed_reads += 1

    def observe(self, *, status: int | None, retry_after_s: float | None, seconds: float) -> None:
        """Shares a wait that the upstream asked for."""
        if status in ASKS_TO_WAIT and retry_after_s:
            share_pause(self.connection_id, is_write=self._here.is_write, seconds=retry_after_s)

    def prepay(self, count: int) -> None:
        with self._lock:
            self.prepaid = min(max(0, self.prepaid + count), PREPAID_MOST)

    def hand_over_owed(self) -> tuple[int, int]:
        """Hands over reads and writes owed; they are the caller's to book now."""
        with self._lock:
            owed = self.owed_reads, self.owed_writes
            self.owed_reads = self.owed_writes = 0
        return owed


@dataclass
class Credit:
    """Counts one purpose's requests in the present window. `expected`: how many it had in the last one looked at."""

    left: int = 0
    used: int = 0
    expected: int = 0
    is_refused: bool = False

    def begin_window(self, *, carried: int) -> None:
        """Begins the next window."""
        self.left, self.used, self.expected = min(self.left, carried), 0, self.used
        self.is_refused = False


class Budget:
    """Holds one connection's credit in this process. `is_unlimited` takes without asking (first start of the demo)."""

    def __init__(self, connection_id: int, reader: Reader) -> None:
        self.connection_id, self.reader = connection_id, reader
        self.gate = BudgetGate(connection_id)
        self.is_unlimited = False
        self._lock = Lock()
        self._round_at: float | None = None
        self._second = 0
        self._credits: dict[Purpose, Credit] = defaultdict(Credit)

    @contextmanager
    def one_round(self) -> Iterator[None]:
        """Stops time: a window that begins during a round is not for other reads before active runs have had theirs."""
        self._round_at = time()
        try:
            yield
        finally:
            self._round_at = None

    @property
    def now_s(self) -> float:
        return time() if self._round_at is None else self._round_at

    def window(self, connection: Connection) -> BudgetWindow:
        return shared_budget.window_at(self.now_s, per_min=connection.budget_per_min)

    def has_limit(self, connection: Connection) -> bool:
        return connection.budget_per_min > 0 and not self.is_unlimited

    def take(self, connection: Connection, count: int, *, purpose: Purpose = Purpose.PAGES) -> bool:
        """Spends `count` requests if they are there."""
        if is_paused(connection):
            return False
        is_taken = not self.has_limit(connection) or self.spend_or_claim(self.window(connection), count, purpose)
        if is_taken:
            self.gate.prepay(count)
        return is_taken

    def take_anyway(self, connection: Connection, count: int) -> None:
        """Counts what must be asked now, and refuses nothing."""
        if connection.budget_per_min > 0:
            shared_budget.book(self.connection_id, self.window(connection), pages=count)
            self.gate.prepay(count)

    def give_back(self, count: int, *, purpose: Purpose = Purpose.PAGES) -> None:
        """Gives back requests taken and then not sent."""
        self.gate.prepay(-count)
        with self._lock:
            self._credits[purpose].left += count
            self._credits[purpose].used -= count

    def is_spent(self, connection: Connection, *, purpose: Purpose = Purpose.PAGES) -> bool:
        """Tells whether to take more in this window is in vain. Looks at no row."""
        if not self.has_limit(connection):
            return False
        credit = self.credit_in(self.window(connection), purpose)
        return credit.is_refused and not credit.left

    def book_owed(self, connection: Connection) -> None:
        """Books what is owed."""
        reads, writes = self.gate.hand_over_owed()
        if (reads or writes) and self.has_limit(connection):
            owed = {"pages" if self.reader is Reader.PAGE else "worker": reads, "writes": writes}
            shared_budget.book(self.connection_id, self.window(connection), **owed)

    def spend_or_claim(self, window: BudgetWindow, count: int, purpose: Purpose) -> bool:
        """Spends what is left, or else what one claim brings. Claims as much as was used for it before."""
        credit = self.credit_in(window, purpose)
        # Reads of active runs are spread over the window: after a burst, who just missed it waits for a whole one.
        passed = (self.now_s - window.second) / window.size_s
        if purpose is Purpose.ACTIVE and credit.used >= ceil(window.count * (passed + AHEAD)):
            return False
        if self.spend(credit, count):
            return True
        if credit.is_refused:
            return False
        want = max(count, credit.expected - credit.used) - credit.left
        found = shared_budget.claim(self.connection_id, window, purpose=purpose, want=want)
        with self._lock:
            credit.left += found
            credit.is_refused |= found < want
        return self.spend(credit, count)

    def spend(self, credit: Credit, count: int) -> bool:
        with self._lock:
            if credit.left < count:
                return False
            credit.left -= count
            credit.used += count
        return True

    def credit_in(self, window: BudgetWindow, purpose: Purpose) -> Credit:
        """Returns the credit of a purpose, as it is in the window."""
        with self._lock:
            if self._second != window.second:
                self._second = window.second
                for one, credit in self._credits.items():
                    credit.begin_window(carried=window.count if one is Purpose.ACTIVE else CARRIED)
            return self._credits[purpose]


_budgets: dict[tuple[int, Reader], tuple[datetime, Budget]] = {}
_lock = Lock()


def budget_for(connection: Connection, reader: Reader = Reader.PAGE) -> Budget:
    """Returns this process's budget for a connection and reader, made anew when the connection's settings change."""
    with _lock:
        changed_at, budget = _budgets.get((connection.pk, reader), (None, None))
        if budget is None or changed_at != connection.changed_at:
            budget = Budget(connection.pk, reader)
            _budgets[connection.pk, reader] = connection.changed_at, budget
        return budget


def is_paused(connection: Connection) -> bool:
    """Tells whether the upstream told everybody to wait, as of when the row was read."""
    return connection.paused_until is not None and connection.paused_until > timezone.now()
