"""How many of the runs of a filter have each status, model, assistant, error, tool and connection.

Exact up to CAP, "CAP+" beyond it. Where no index holds filter and value together, the runs of the filter are walked and
counted; a quick look leaves that to a patient one, and says "at least" until then. The counts of one name leave
out the filter's own clauses of that name, so that other values can be added.
"""

import time
from dataclasses import dataclass, field, replace

from runsdash.index.models import Assistant, Connection
from runsdash.service.statuses import RunStatus

from .run_filter import TEXT, Clause, RunFilter
from .run_pages import capped_counts, newest_of
from .run_query import RunQuery, each_value, run_query_of
from .scans import Clock, Limits
from .value_counts import NAMES, ValueCounts, growing_value_counts, value_counts_in_time

CAP = 10_000
SAMPLED = 1_000  # newest runs that tell which values a larger list has
SHOWN = 10
ONE_A_RUN = ("status", "model", "error", "connection")  # names of which a run has one value, compared as it is
KEPT_TIMES_COST, MOST_KEPT = 50, 200


@dataclass(frozen=True)
class FacetTimes:
    """When, in seconds from the beginning, each part has to be over; what a last statement takes comes on top.

    Finding the runs of the filter, counting them by value (read, or in an index), and walking for what no index told.
    Values that are not counted by then have at least what the newest runs have. No statement runs longer than
    `statement_s`; `gathered` index entries are read and sorted at once.
    """

    looked_s: float
    counted_s: float
    walked_s: float
    statement_s: float
    gathered: int

    def looking(self, began: float) -> Limits:
        left_s = began + self.looked_s - time.monotonic()
        return Limits(walk_s=left_s, statement_s=self.statement_s, gathered=self.gathered)

    def counting(self, began: float) -> Clock:
        return Clock(Limits(walk_s=self.counted_s), began)


QUICK = FacetTimes(looked_s=0.03, counted_s=0.04, walked_s=0.0, statement_s=0.4, gathered=5_000)
PATIENT = FacetTimes(looked_s=0.5, counted_s=0.7, walked_s=0.9, statement_s=0.8, gathered=20_000)
A_WALK_S = 0.2  # so that one hopeless value leaves time to the others


@dataclass(frozen=True)
class Count:
    """A value and how many runs have it; `is_more`: that many or more. `label` is what people call it."""

    value: str
    number: int
    is_more: bool = False
    label: str = ""

    @property
    def is_rough(self) -> bool:
        return self.is_more and self.number < CAP

    @property
    def text(self) -> str:
        """Empty when nothing is known: none among the newest, and not counted."""
        return "" if self.is_more and not self.number else f"{self.number:,}{'+' if self.is_more else ''}"


@dataclass(frozen=True)
class Facets:
    """`total` of the whole filter, and the counts of each name, most frequent first."""

    total: int = 0
    is_more: bool = False
    counts: dict[str, list[Count]] = field(default_factory=dict)
    is_final: bool = True  # counted with patience

    @property
    def total_text(self) -> str:
        return f"{self.total:,}{'+' if self.is_more else ''}"

    @property
    def can_be_finer(self) -> bool:
        """Would a patient look say more?"""
        if self.is_final:
            return False
        is_stopped = self.is_more and self.total < CAP
        return is_stopped or any(count.is_rough for counts in self.counts.values() for count in counts)

    @property
    def statuses(self) -> dict[str, Count]:
        return {count.value: count for count in self.counts.get("status", [])}


_kept: dict[tuple, tuple[float, Facets]] = {}


def facets_of(run_filter: RunFilter, connection: Connection | None = None, *, is_patient: bool = True) -> Facets:
    """Of a large list what was counted a moment ago: counting takes at most a fiftieth of a process's time.

    Not patient: nothing new is begun after 40 ms; what is not counted by then, or by no index, has rough counts.
    """
    key = run_filter, connection and connection.pk
    until, found = _kept.get(key, (0.0, None))
    began = time.monotonic()
    if began < until and not (is_patient and found.can_be_finer):
        return found
    found = counted(run_filter, connection, PATIENT if is_patient else QUICK)
    if found.is_more:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        now = time.monotonic()
        _kept[key] = now + (now - began) * KEPT_TIMES_COST, found
    return found


def counted(run_filter: RunFilter, connection: Connection | None, pace: FacetTimes) -> Facets:
    """Looks at no more than CAP + 1 runs for each name that the filter has clauses of, and once for all others."""
    began = time.monotonic()
    clock = pace.counting(began)
    names_of: dict[RunFilter, list[str]] = {run_filter: []}
    for name in NAMES:
        names_of.setdefault(without(run_filter, name), []).append(name)
    sets = {
        others: run_set(others, connection, set(names), looking=pace.looking(began), counting=clock)
        for others, names in names_of.items()
    }
    whole, counts = sets[run_filter], {}
    for others, names in names_of.items():
        for name in names:
            counts[name] = sets[others].counts_of(name, chosen_of(run_filter, name), clock=clock)
            if len(run_filter.values(name)) == 1 and not whole.has_more:  # then the whole filter is that value's count
                (only,) = run_filter.values(name)
                counts[name] = [Count(only, whole.total) if one.value == only else one for one in counts[name]]
    for others, names in names_of.items():
        if sets[others].is_sampled:
            counts |= sets[others].settled({name: counts[name] for name in names}, until=began + pace.walked_s)
    counts["assistant"] = with_names(counts["assistant"])
    counts = {name: counts[name] for name in NAMES}  # menus keep their places, whatever is chosen
    numbers = [whole.total]
    if whole.has_more:  # when looking was stopped, a value that an index counts may say more
        numbers += [one.number for name in names_of[run_filter] for one in counts[name]]
    return Facets(max(numbers), whole.has_more, counts, is_final=pace is PATIENT)


def chosen_of(run_filter: RunFilter, name: str) -> list[str]:
    return [*run_filter.values(name), *run_filter.values(name, negated=True)]


def without(run_filter: RunFilter, name: str) -> RunFilter:
    return RunFilter(tuple(one for one in run_filter.clauses if one.name != name or one.is_negated))


@dataclass
class RunSet:
    """The runs of a filter: how many, at most CAP, and what they have. `is_sampled`: the tally is of the newest alone."""

    filter: RunFilter
    connection: Connection | None
    run_query: RunQuery
    total: int
    has_more: bool
    tally: ValueCounts
    is_sampled: bool

    def counts_of(self, name: str, chosen: list[str], *, clock: Clock) -> list[Count]:
        """The most frequent values, the chosen ones and every status."""
        tallied = self.tally[name]
        if name == "connection" and (slug := only_connection()):
            return [Count(slug, self.total, self.has_more)]
        values = [value for value, _ in tallied.most_common(SHOWN) if value]
        known = [one.value for one in RunStatus] if name == "status" else []
        values = list(dict.fromkeys([*values, *chosen, *known]))
        if not self.is_sampled:
            return [Count(value, tallied[value]) for value in values]
        numbers = self.indexed(name, values) if clock.left_s > 0 else [None] * len(values)
        return [self.count(name, value, number) for value, number in zip(values, numbers, strict=True)]

    def indexed(self, name: str, values: list[str]) -> list[int | None]:
        """Counted in an index, where one tells. Values that the filter excludes take no run from the others of their name."""
        run_query, others = self.run_query, self.filter.without_name(name)
        if name in ONE_A_RUN and others != self.filter:
            run_query = run_query_of(others, self.connection)
        return capped_counts([run_query.and_group(predicate) for predicate in each_value(name, values)], cap=CAP)

    def count(self, name: str, value: str, number: int | None) -> Count:
        """Where no index told the number, it is at least what the newest runs have."""
        if Clause(name, value, is_negated=True) in self.filter.clauses:
            number = 0
        if number is None:
            return Count(value, self.tally[name][value], is_more=True)
        return Count(value, min(number, CAP), is_more=number > CAP)

    def settled(self, counts: dict[str, list[Count]], *, until: float) -> dict[str, list[Count]]:
        """Counts what no index told: of all runs together, then value by value; most frequent first."""
        counts = self.walked(counts, until=(time.monotonic() + 2 * until) / 3)
        for name, own in counts.items():
            exact = [self.tested(name, one, until=until) if one.is_rough else one for one in own]
            counts[name] = sorted(exact, key=lambda count: -count.number)
        return counts

    def walked(self, counts: dict[str, list[Count]], *, until: float) -> dict[str, list[Count]]:
        """Walks the runs and counts them by value, until all counts are settled."""
        rough = {(name, one.value) for name, own in counts.items() for one in own if one.is_rough}
        left_s = until - time.monotonic()
        if not rough or left_s <= 0:
            return counts
        names, clock = {name for name, _ in rough}, Clock(Limits(walk_s=left_s))
        found, is_whole = self.tally, False
        for found, is_whole in growing_value_counts(self.run_query, names, clock=clock):  # noqa: B007
            names &= {name for name, value in rough if found[name][value] <= CAP}
            if not names:
                break
        return {
            name: [told(one, found[name][one.value], is_whole) if one.is_rough else one for one in own]
            for name, own in counts.items()
        }

    def tested(self, name: str, rough: Count, *, until: float) -> Count:
        """Counted by walking the rarer of filter and value."""
        left_s = min(A_WALK_S, until - time.monotonic())
        if left_s <= 0:
            return rough
        (predicate,), limits = each_value(name, [rough.value]), Limits(walk_s=left_s, statement_s=left_s)
        ids, is_all = newest_of(self.run_query.and_group(predicate), count=CAP + 1, limits=limits)
        return told(rough, len(ids), is_all)


def told(rough: Count, number: int, is_whole: bool) -> Count:
    """The count, when `number` runs were found and those are all there are, or more than CAP; else the better guess."""
    if is_whole or number > CAP:
        return replace(rough, number=min(number, CAP), is_more=number > CAP)
    return replace(rough, number=max(number, rough.number))


def run_set(
    run_filter: RunFilter, connection: Connection | None, names: set[str], *, looking: Limits, counting: Clock
) -> RunSet:
    """With a tally of `names`. Of a large list an index tells that it is large, and only the newest runs are read."""
    run_query = run_query_of(run_filter, connection)
    has_words = any(one.name == TEXT for one in run_filter.clauses)  # they take as long to count as to read
    (number,) = [None] if has_words else capped_counts([run_query], cap=CAP)
    is_large = number is not None and number > CAP
    ids, is_all = newest_of(run_query, count=SAMPLED if is_large else CAP + 1, limits=looking)
    has_more = is_large or len(ids) > CAP or not is_all
    tally, is_whole = value_counts_in_time(ids[:SAMPLED] if has_more else ids, names, size=SAMPLED, clock=counting)
    total = CAP if is_large else min(len(ids), CAP)
    return RunSet(run_filter, connection, run_query, total, has_more, tally, is_sampled=has_more or not is_whole)


def only_connection() -> str:
    """The slug of a connection that all runs have; empty when there are several."""
    slugs = Connection.objects.values_list("slug", flat=True)[:2]
    return slugs[0] if len(slugs) == 1 else ""


def with_names(counts: list[Count]) -> list[Count]:
    ids = [count.value for count in counts]
    names = dict(Assistant.objects.filter(connection__in=Connection.objects.values("pk"), upstream_id__in=ids)
                 .values_list("upstream_id", "name"))  # fmt: skip
    return [replace(count, label=names.get(count.value, "")) for count in counts]
