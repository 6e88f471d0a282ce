"""Counts for the overview what sums do not tell apart, as far as it got: runs of any filter, groups by metadata."""

from collections.abc import Iterator
from functools import cached_property, partial

from runsdash.dashboard.shell.page_types import TagPart
from runsdash.index.totals.hour_spans import Span
from runsdash.index.totals.run_counts import CountedReads, Counting, RunCounts
from runsdash.index.totals.sums import Sums, add_sums

from .query import FUNCTION, OverviewQuery, metadata_key

Bars = dict[tuple[int, str], Sums]


class Counts:
    """Holds the two counts a page may need; either may be None. `spans`: the range and the time before it."""

    def __init__(
        self, query: OverviewQuery, *, spans: tuple[Span, Span], bars: list[Span], is_plain: bool, now_hour: int
    ) -> None:
        self.spans = spans
        key = metadata_key(query.group)
        source = FUNCTION if query.group == FUNCTION else query.group.removesuffix(f".{key}") if key else ""
        counting = partial(
            Counting, spans=spans, bars=tuple(bars), run_filter=query.filter, connection=query.connection,
            now_hour=now_hour,
        )  # fmt: skip
        self.of_facts = None if is_plain else counting()
        self.of_groups = counting(source=source, key=key) if source else None

    @property
    def all(self) -> list[Counting]:
        return [one for one in (self.of_facts, self.of_groups) if one]

    def count(self, *, within_s: float) -> None:
        """Counts on for a bounded time."""
        for one in self.all:
            found = one.count(within_s=within_s / len(self.all))
            self.found[one.name] = found

    @cached_property
    def found(self) -> dict[str, RunCounts]:
        return {}

    def progress(self, one: Counting | None) -> float:
        return 1.0 if one is None else one.progress(self.kept(one))

    def kept(self, one: Counting) -> RunCounts:
        if one.name not in self.found:
            self.found[one.name] = one.kept()
        return self.found[one.name]

    @property
    def is_complete(self) -> bool:
        return all(self.kept(one).is_complete for one in self.all)

    @property
    def state(self) -> tuple[TagPart, ...]:
        """Returns what changes with each step of a count."""
        return tuple((self.kept(one).version, self.kept(one).behind, self.kept(one).is_complete) for one in self.all)

    def reads(self) -> list[CountedReads]:
        """Returns where the facts of the two spans are, once all of them are counted."""
        assert self.of_facts is not None
        kept = self.kept(self.of_facts)
        waiting = 0 if kept.is_complete else max(1, round((1 - self.progress(self.of_facts)) * self.spans[0].hours))
        facts = (kept.facts, self.of_facts.newest().facts) if kept.is_complete else ()
        return [CountedReads(span, facts, waiting) for span in self.spans]

    # Groups

    @cached_property
    def groups_found(self) -> list[Bars]:
        assert self.of_groups is not None
        return [self.kept(self.of_groups).groups, self.of_groups.newest().groups]

    def bars(self) -> dict[tuple[int, str | int], Sums]:
        """Returns the sums of each bar by value: (first hour of the bar, value)."""
        found: dict[tuple[int, str | int], Sums] = {}
        for bar, value, sums in self.within(self.spans[0]):
            add_sums(sums, to=found.setdefault((bar, value), Sums()))
        return found

    def groups(self, *, before: bool = False) -> dict[str | int, Sums]:
        found: dict[str | int, Sums] = {}
        for _, value, sums in self.within(self.spans[1] if before else self.spans[0]):
            add_sums(sums, to=found.setdefault(value, Sums()))
        return found

    def within(self, span: Span) -> Iterator[tuple[int, str, Sums]]:
        for groups in self.groups_found:
            for (bar, value), sums in groups.items():
                if span.first <= bar < span.end:
                    yield bar, value, sums
