"""Counts runs that came after a page of the list was drawn and would stand on it now.

What counts is when a row was first stored, not when its run was created: a run may be found late, and a server's clock
may be ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from runsdash.index.models import Connection, Run
from runsdash.index.search import TimeBudget, ids_of
from runsdash.index.search.listed_runs import ListedRun
from runsdash.prepared import Prepared

from .query import ListAddress

MAX_NEWER = 99  # counted no further
OVERLAP = timedelta(seconds=10)  # a row may be committed this long after it was made
LOOKED_AT = 200  # keys: more than a page may have been new when it was drawn
BUDGET = TimeBudget(walk_s=0.1, statement_s=0.3)


@dataclass(frozen=True, kw_only=True)
class PageDrawn:
    """Says when a first page was drawn, above which key it shows all, and which rows were new then."""

    at: datetime
    above: int
    new_keys: frozenset[int]

    @classmethod
    def of(cls, rows: Sequence[ListedRun], *, limit: int, at: datetime) -> "PageDrawn":
        new_keys = (run.pk for run in rows if run.added_at is not None and run.added_at >= at - OVERLAP)
        return cls(at=at, above=rows[-1].pk if len(rows) >= limit else 0, new_keys=frozenset(new_keys))

    @property
    def text(self) -> str:
        return ".".join(str(one) for one in (int(self.at.timestamp()), self.above, *sorted(self.new_keys)))

    @classmethod
    def read(cls, text: str) -> "PageDrawn | None":
        """Reads `text` of a poll's address; None when it is none."""
        numbers = [int(one) for one in text.split(".") if one.isdecimal() and len(one) < 20]
        try:
            at_s, above, *keys = numbers
            return cls(at=datetime.fromtimestamp(at_s, UTC), above=above, new_keys=frozenset(keys))
        except (ValueError, OverflowError, OSError):
            return None


def added_since(since: datetime, above: int) -> QuerySet[Run]:
    return Run.objects.filter(added_at__gte=since, pk__gt=above).order_by().only("pk")[:LOOKED_AT]


ADDED = Prepared(added_since, datetime, int)


def count_newer(query: ListAddress, connection: Connection | None, drawn: PageDrawn) -> int:
    """Counts runs that the page lacks, up to MAX_NEWER + 1."""
    since = drawn.at - OVERLAP
    if all(run.pk in drawn.new_keys for run in ADDED.rows(since, drawn.above)):
        return 0
    added = Run.objects.filter(added_at__gte=since, pk__gt=drawn.above).exclude(pk__in=drawn.new_keys)
    count = query.limit + MAX_NEWER + 1  # as many as the page may show already, and those that are counted
    keys, _ = ids_of(query.filter, connection=connection, count=count, above=drawn.above, budget=BUDGET)
    return min(added.filter(pk__in=keys).count(), MAX_NEWER + 1)
