"""Says to what an inbox can be narrowed: its views, each with its number where that is known, and functions.

Asks nothing: a number that would take a statement more is left out.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.http import urlencode

from runsdash.dashboard.shell.formats import call_name

from .inbox import MAX_MISSED, MINE, MISSED, Inbox
from .queue_scope import given

LABELS = {"": "Needs an answer", MINE: "My drafts", MISSED: "Missed"}
UNKNOWN = "(unknown)"


@dataclass(frozen=True, kw_only=True)
class InboxChoice:
    """Holds one view or function. `count`: how many runs it has, "" where that is not known."""

    label: str
    count: str
    url: str
    is_on: bool


@dataclass(frozen=True)
class Narrowings:
    """Offers them for one inbox."""

    inbox: Inbox

    @cached_property
    def views(self) -> list[InboxChoice]:
        counts = {"": self.waiting, MINE: self.drafts, MISSED: self.missed}
        return [
            InboxChoice(label=label, count=counts[tab], url=self.url(tab=tab), is_on=tab == self.inbox.tab)
            for tab, label in LABELS.items()
        ]

    @property
    def waiting(self) -> str:
        """Writes `7`, in an outage `7 known`, and `(unknown)` where nobody can tell."""
        shell = self.inbox.shell
        if not shell.outages:
            return shell.waiting_label if shell.connections else ""
        if not shell.seen_until or not shell.waiting_count:
            return UNKNOWN
        return f"{shell.waiting_label} known"

    @property
    def drafts(self) -> str:
        found = sum(row.id in self.inbox.drafted for row in self.inbox.all_waiting)
        return self.number(found) if found else ""

    @property
    def missed(self) -> str:
        if not self.inbox.is_of_missed:
            return ""
        return f"{len(self.inbox.read)}{'+' if len(self.inbox.looked_at) > MAX_MISSED else ''}"

    @cached_property
    def functions(self) -> list[InboxChoice]:
        """Returns all and each function that runs wait for, most runs first; none where there is nothing to choose."""
        chosen, tab, rows = self.inbox.scope.function, self.inbox.tab, self.inbox.all_waiting
        counts = Counter(name for row in rows for name in {call_name(one) for one in row.calls} - {""})
        counts.update({chosen: 0} if chosen else {})
        if len(counts) < 2 and not chosen:
            return []
        every = InboxChoice(label="All functions", count="", url=self.url(tab=tab), is_on=not chosen)
        ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        return [every] + [
            InboxChoice(label=name, count=self.number(runs), url=self.url(tab=tab, function=name), is_on=name == chosen)
            for name, runs in ordered
        ]

    def number(self, runs: int) -> str:
        return f"{runs:,}{'+' if self.inbox.is_cut else ''}"

    def url(self, **params: str) -> str:
        query = urlencode(given(connection=self.inbox.scope.slug, **params))
        return f"{reverse('needs_action')}{query and '?'}{query}"
