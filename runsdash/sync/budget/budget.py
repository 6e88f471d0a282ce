"""What this process may send to a connection: credit out of shared windows, and a gate at the service's gate.

Reads are taken before they are sent, by whoever may touch the database; the gate runs on the service's threads and
only counts. What passes it beyond the credit (writes, retries) is owed, and booked with the next window.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from threading import Lock, local
from time import time
from typing import Literal

from django.utils import timezone

from runsdash.index.models import Connection

from . import budget_seconds
from .budget_seconds import BudgetWindow, Share
from .upstream_pauses import share_pause

Reader = Literal["page", "worker"]
CARRIED = 4  # unused credit that outlives its window: enough for what costs more than one request
ALLOWED_MOST = 64
AHEAD = 0.3  # of a window may go out early
ASKS_TO_WAIT = (429, 503)


@dataclass
class BudgetGate:
    """The service's gate: counts each attempt. `allowed`: attempts that are paid for; `owed_…`: those that are not."""

    connection_id: int
    allowed: int = 0
    owed_reads: int = 0
    owed_writes: int = 0
    _lock: Lock = field(default_factory=Lock)
    _here: local = field(default_factory=local)

    def admit(self, *, is_write: bool, deadline: float) -> None:
        """Never waits: nobody may block a thread that all connections share."""
        self._here.is_write = is_write
        with self._lock:
            if is_write:
                self.owed_writes += 1
            elif self.allowed:
                self.allowed -= 1
            else:
                self.owed_reads += 1

    def observe(self, *, status: int | None, retry_after_s: float | None, seconds: float) -> None:
        if status in ASKS_TO_WAIT and retry_after_s:
            share_pause(self.connection_id, is_write=self._here.is_write, seconds=retry_after_s)

    def allow(self, count: int) -> None:
        with self._lock:
            self.allowed = min(max(0, self.allowed + count), ALLOWED_MOST)

    def settle(self) -> tuple[int, int]:
        """Reads and writes owed; they are the caller's to book now."""
        with self._lock:
            owed = self.owed_reads, self.owed_writes
            self.owed_reads = self.owed_writes = 0
        return owed


class Budget:
    """One connection's credit in this process. `is_unlimited` takes without asking (first start of the demo)."""

    def __init__(self, connection_id: int, reader: Reader) -> None:
        self.connection_id, self.reader = connection_id, reader
        self.gate = BudgetGate(connection_id)
        self.is_unlimited = False
        self._lock = Lock()
        self._round_at: float | None = None
        self._second = 0
        self._credit: dict[Share, int] = defaultdict(int)
        self._refused: set[Share] = set()
        self._used: dict[Share, int] = defaultdict(int)
        self._expected: dict[Share, int] = {}

    @contextmanager
    def one_round(self) -> Iterator[None]:
        """Time stands still inside: a window that begins meanwhile is not for the rest before active runs have had theirs."""
        self._round_at = time()
        try:
            yield
        finally:
            self._round_at = None

    @property
    def now_s(self) -> float:
        return time() if self._round_at is None else self._round_at

    def window(self, connection: Connection) -> BudgetWindow:
        return budget_seconds.window_at(self.now_s, per_min=connection.budget_per_min)

    def take(self, connection: Connection, count: int, *, share: Share = "pages") -> bool:
        """Spends `count` requests if they are there. Asks for as many at once as the window before has used."""
        if is_paused(connection):
            return False
        if self.is_unlimited or connection.budget_per_min <= 0:
            self.gate.allow(count)
            return True
        window = self.window(connection)
        self.turn_to(window)
        if self.is_ahead(window, share=share):
            return False
        if not self.spend(count, share=share):
            if share in self._refused:
                return False
            self.claim(window, count, share=share)
            if not self.spend(count, share=share):
                return False
        self.gate.allow(count)
        return True

    def take_anyway(self, connection: Connection, count: int) -> None:
        """For what must be asked now: it is counted like everything else, and never refused."""
        if connection.budget_per_min > 0:
            window = self.window(connection)
            budget_seconds.book(self.connection_id, window, pages=count)
            self.gate.allow(count)

    def give_back(self, count: int, *, share: Share = "pages") -> None:
        """Requests taken and then not sent."""
        self.gate.allow(-count)
        with self._lock:
            self._credit[share] += count
            self._used[share] -= count

    def is_spent(self, connection: Connection, *, share: Share = "pages") -> bool:
        """True when asking again in this second is in vain. Looks at no row."""
        if connection.budget_per_min <= 0 or self.is_unlimited:
            return False
        self.turn_to(self.window(connection))
        return share in self._refused and not self._credit[share]

    def settle(self, connection: Connection) -> None:
        """Books what is owed."""
        if not (self.gate.owed_reads or self.gate.owed_writes):
            return
        reads, writes = self.gate.settle()
        if connection.budget_per_min > 0 and not self.is_unlimited:
            window = self.window(connection)
            column = "pages" if self.reader == "page" else "worker"
            budget_seconds.book(self.connection_id, window, writes=writes, **{column: reads})

    def turn_to(self, window: BudgetWindow) -> None:
        with self._lock:
            if self._second != window.second:
                self._second = window.second
                self._refused.clear()
                self._expected, self._used = dict(self._used), defaultdict(int)
                for share, count in self._credit.items():
                    self._credit[share] = min(count, window.count if share == "active" else CARRIED)

    def is_ahead(self, window: BudgetWindow, *, share: Share) -> bool:
        """Reads of active runs are spread over the second: after a burst, who just missed it waits a whole second."""
        passed = (self.now_s - window.second) / window.size_s
        return share == "active" and self._used[share] >= ceil(window.count * (passed + AHEAD))

    def spend(self, count: int, *, share: Share) -> bool:
        with self._lock:
            if self._credit[share] < count:
                return False
            self._credit[share] -= count
            self._used[share] += count
            return True

    def claim(self, window: BudgetWindow, count: int, *, share: Share) -> None:
        want = max(count, self._expected.get(share, 0) - self._used[share]) - self._credit[share]
        found = budget_seconds.claim(self.connection_id, window, share=share, want=want)
        with self._lock:
            self._credit[share] += found
            if found < want:
                self._refused.add(share)


_budgets: dict[tuple[int, Reader], tuple[object, Budget]] = {}
_lock = Lock()


def budget_for(connection: Connection, reader: Reader = "page") -> Budget:
    """This process's budget for a connection; pages and the worker have one each, made anew when its settings change."""
    with _lock:
        changed_at, budget = _budgets.get((connection.pk, reader), (None, None))
        if budget is None or changed_at != connection.changed_at:
            budget = Budget(connection.pk, reader)
            _budgets[connection.pk, reader] = connection.changed_at, budget
        return budget


def is_paused(connection: Connection) -> bool:
    """Did the upstream ask everybody to wait? As of when the row was read."""
    return connection.paused_until is not None and connection.paused_until > timezone.now()
