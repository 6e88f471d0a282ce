"""Counts how many runs of a filter have each status, model, assistant and the like.

A quick look counts what can be told at once and says "at least" for all else; an exact one walks the runs. Counts are
exact up to CAP, "CAP+" beyond. Those of one name leave out the clauses by which the filter includes values of it.
Owns which values are shown; `facet_times` says when counting ends. Writes no SQL.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import islice

from django.utils.timezone import get_current_timezone_name

from runsdash.index.models import Connection
from runsdash.row_access import mark
from runsdash.service.statuses import RunStatus

from .assistant_names import assistant_names
from .facet_times import EXACT, QUICK, FacetTimes
from .queries import predicates_of_values, query_of
from .run_filter import TEXT, Clause, RunFilter
from .run_pages import capped_counts, ids_in_portions, newest_ids
from .run_query import RunQuery
from .summed_runs import Sums, sums_within
from .time_budget import TimeBudget
from .value_counts import NAMES, ValueCounts, counts_of_sums, value_counts_by_walking, value_counts_in_time

CAP = 10_000
SAMPLED = 1_000  # newest runs that tell which values a larger list has
COUNTED_AT_ONCE = 500  # runs by value; the first of them in any case
SHOWN = 10
KEPT_TIMES_COST, MOST_KEPT = 50, 200
VALUE_WALK_S = 0.2  # so that one hopeless value leaves time to the others


@dataclass(frozen=True)
class CountedValue:
    """Holds a value and how many runs have it; `is_more`: that many or more. `label` is what people call it.

    known of a value               number   is_more   text
    all its runs, at most CAP      7                  7
    more than CAP                  CAP      yes       10,000+
    some, counting was stopped     7        yes       7+       open: counting on would say more
    none of a sample               0        yes                open
    """

    value: str
    number: int
    is_more: bool = False
    label: str = ""

    @property
    def is_open(self) -> bool:
        """Would counting on say more?"""
        return self.is_more and self.number < CAP

    @property
    def text(self) -> str:
        """Empty when nothing is known: none among the newest, and not counted."""
        return "" if self.is_more and not self.number else f"{self.number:,}{'+' if self.is_more else ''}"

    def after(self, number: int, *, is_complete: bool) -> "CountedValue":
        """Returns what is known after `number` runs were found; `is_complete`: those are all there are."""
        if is_complete or number > CAP:
            return replace(self, number=min(number, CAP), is_more=number > CAP)
        return replace(self, number=max(number, self.number))


ValuesByName = dict[str, list[CountedValue]]


@dataclass(frozen=True)
class Facets:
    """Holds the `total` of the whole filter, and the values of each name, most frequent first."""

    total: int = 0
    is_more: bool = False
    by_name: ValuesByName = field(default_factory=dict)
    is_thorough: bool = True  # counted in EXACT times
    is_costly: bool = False  # some of the lists that were counted have more than CAP, or were not read to the end

    @property
    def total_text(self) -> str:
        return f"{self.total:,}{'+' if self.is_more else ''}"

    @property
    def can_be_finer(self) -> bool:
        """Would exact counting say more?"""
        if self.is_thorough:
            return False
        is_stopped = self.is_more and self.total < CAP
        return is_stopped or any(one.is_open for values in self.by_name.values() for one in values)

    @property
    def statuses(self) -> dict[str, CountedValue]:
        return {one.value: one for one in self.by_name.get("status", [])}


_kept: dict[tuple[RunFilter, int | None, str, str], tuple[float, Facets]] = {}


def facets_of(
    run_filter: RunFilter,
    connection: Connection | None = None,
    *,
    is_exact: bool = True,
    spent_s: float = 0.0,
    sums: Sums | None = None,
) -> Facets:
    """Counts a filter's runs by value; of a large list, returns what was counted a moment ago.

    That is kept in this process for fifty times as long as it took, for those who see the same in the same time zone.
    So counting one filter takes at most a fiftieth of a process's time. Not exact: see QUICK; `spent_s`: what the same
    look has taken before, which leaves less; `sums`: reads them once for all that needs them.
    """
    key = run_filter, connection.pk if connection else None, mark(), get_current_timezone_name()
    until, kept, began = *_kept.get(key, (0.0, Facets())), time.monotonic()
    if began < until and not (is_exact and kept.can_be_finer):
        return kept
    facets = facets_in_time(run_filter, connection, EXACT if is_exact else QUICK.after(spent_s), sums)
    if facets.is_costly:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        now = time.monotonic()
        _kept[key] = now + (now - began) * KEPT_TIMES_COST, facets
    return facets


def facets_in_time(
    run_filter: RunFilter, connection: Connection | None, times: FacetTimes, sums: Sums | None = None
) -> Facets:
    """Finds the runs, counts them by index, then by walking.

    In: a filter. Out: its total and the values of NAMES. Looks at no more than CAP + 1 runs for each name that the
    filter has clauses of, and once for all others.
    """
    find = TimeBudget(times.find_s, times.statement_s, gathered=times.gathered).started()
    by_index, by_walking = TimeBudget(times.index_s).started(), TimeBudget(times.walk_s).started()
    sums = sums or cache(partial(sums_within, run_filter))
    lists = [
        run_list(one, connection, names, find, by_index, sums) for one, names in names_by_filter(run_filter).items()
    ]
    by_name: ValuesByName = {}
    for one in lists:
        by_name |= {name: one.values_by_index(name, run_filter, by_index) for name in one.names}
    full = lists[0]  # of the whole filter, which `names_by_filter` puts first
    if not full.has_more:
        by_name = {name: with_total(own, run_filter.values(name), full.total) for name, own in by_name.items()}
    for one in lists:
        if one.is_sampled:
            by_name |= one.values_by_walking({name: by_name[name] for name in one.names}, by_walking)
    by_name["assistant"] = with_labels(by_name["assistant"], run_filter, connection)
    # When finding was stopped at 300 runs, an index may know of one value that 4,000 have it.
    more = [one.number for name in full.names for one in by_name[name]] if full.has_more else []
    in_order = {name: by_name[name] for name in NAMES}  # menus keep their places, whatever is chosen
    total, is_costly = max([full.total, *more]), any(one.has_more or one.is_sampled for one in lists)
    return Facets(total, full.has_more, in_order, is_thorough=times is EXACT, is_costly=is_costly)


def names_by_filter(run_filter: RunFilter) -> dict[RunFilter, list[str]]:
    """Returns the filters whose runs are counted, the whole one first, each with the names it is counted by."""
    names_of: dict[RunFilter, list[str]] = {run_filter: []}
    for name in NAMES:
        others = tuple(one for one in run_filter.clauses if one.name != name or one.is_negated)
        names_of.setdefault(run_filter.of(others), []).append(name)
    return names_of


def with_total(values: list[CountedValue], chosen: list[str], total: int) -> list[CountedValue]:
    """Sets the count of the only value that the filter asks for to the filter's total: those are the same runs."""
    return [CountedValue(one.value, total) if chosen == [one.value] else one for one in values]


def with_labels(values: list[CountedValue], run_filter: RunFilter, connection: Connection | None) -> list[CountedValue]:
    names = assistant_names([one.value for one in values], run_filter, connection)
    return [replace(one, label=names.get(one.value, "")) for one in values]


@dataclass(frozen=True)
class RunList:
    """Holds how many runs of a filter there are, at most CAP, and how many have each value of `names`.

    `whole`: those whose `value_counts` are of all runs; the others are of the newest alone, or were stopped.
    """

    filter: RunFilter
    connection: Connection | None
    names: list[str]
    run_query: RunQuery
    total: int
    has_more: bool
    value_counts: ValueCounts
    whole: Collection[str]

    @property
    def is_sampled(self) -> bool:
        return not set(self.names).issubset(self.whole)

    # Counting by index

    def values_by_index(self, name: str, run_filter: RunFilter, budget: TimeBudget) -> list[CountedValue]:
        """Counts frequent values, those that the filter names and every status; of a large list by index, in time."""
        if name == "connection" and (slug := only_connection()):
            return [CountedValue(slug, self.total, self.has_more)]
        own = self.value_counts[name]
        frequent = [value for value, _ in own.most_common(SHOWN) if value]
        known = [one.value for one in RunStatus] if name == "status" else []
        chosen = [*run_filter.values(name), *run_filter.values(name, negated=True)]
        values = list(dict.fromkeys([*frequent, *chosen, *known]))
        if name in self.whole:
            return [self.facet_value(name, value, own[value]) for value in values]
        may = name != "customer" and budget.left_s > 0
        numbers = self.numbers_in_index(name, values) if may else [None] * len(values)
        return [self.facet_value(name, value, number) for value, number in zip(values, numbers, strict=True)]

    def numbers_in_index(self, name: str, values: list[str]) -> list[int | None]:
        """Counts values where an index can. Customers would take statements of their own."""
        own = predicates_of_values(self.filter, name, values)
        return capped_counts([self.run_query.and_predicate(one) for one in own], cap=CAP)

    def facet_value(self, name: str, value: str, number: int | None) -> CountedValue:
        """Returns what is known of a value: where no index knows the number, at least what the newest runs have."""
        if Clause(name, value, is_negated=True) in self.filter.clauses:
            number = 0
        if number is None:
            return CountedValue(value, self.value_counts[name][value], is_more=True)
        return CountedValue(value, min(number, CAP), is_more=number > CAP)

    # Counting by walking

    def values_by_walking(self, by_name: ValuesByName, budget: TimeBudget) -> ValuesByName:
        """Counts what is still open: of all runs together, then value by value. Most frequent values come first."""
        by_name = self.count_all_values(by_name, budget.within(budget.left_s * 2 / 3))
        return {
            name: sorted([self.count_value(name, one, budget) for one in own], key=lambda value: -value.number)
            for name, own in by_name.items()
        }

    def count_all_values(self, by_name: ValuesByName, budget: TimeBudget) -> ValuesByName:
        """Walks the runs and counts them by value, until no count is open or time is over."""
        open_values = {name: [one.value for one in own if one.is_open] for name, own in by_name.items()}
        names = {name for name, own in open_values.items() if own}
        if not names or budget.left_s <= 0:
            return by_name

        def open_names(value_counts: ValueCounts) -> set[str]:
            return {name for name in names if any(value_counts[name][value] <= CAP for value in open_values[name])}

        walked = value_counts_by_walking(self.run_query, names, budget=budget, open_names=open_names)
        return {
            name: [
                one.after(walked.counts[name][one.value], is_complete=walked.is_complete) if one.is_open else one
                for one in own
            ]
            for name, own in by_name.items()
        }

    def count_value(self, name: str, value: CountedValue, budget: TimeBudget) -> CountedValue:
        """Counts an open value by walking the rarer of filter and value."""
        budget = budget.within(VALUE_WALK_S)
        if not value.is_open or budget.left_s <= 0:
            return value
        [predicate] = predicates_of_values(self.filter, name, [value.value])
        ids, is_complete = newest_ids(self.run_query.and_predicate(predicate), count=CAP + 1, budget=budget)
        return value.after(len(ids), is_complete=is_complete)


def run_list(
    run_filter: RunFilter,
    connection: Connection | None,
    names: list[str],
    find: TimeBudget,
    by_index: TimeBudget,
    sums: Sums,
) -> RunList:
    """Counts the runs of a filter. Sums say what they know, and of a large list only the newest runs are read."""
    run_query = query_of(run_filter, connection)
    summed = counts_of_sums(run_filter, connection, names, sums)
    number = max((sum(own.values()) for own in summed.values()), default=None)
    if number is None and not any(one.name == TEXT for one in run_filter.clauses):  # words take as long as to read them
        [number] = capped_counts([run_query], cap=CAP)
    portions = ids_in_portions(run_query, size=CAP + 1 if number is None else SAMPLED, budget=find)
    has_more, rest = number is not None and number > CAP, set(names).difference(summed)
    if number is None:
        ids, is_all = next(portions)
        number, has_more, portions = len(ids), not is_all, iter([(ids if is_all else ids[:SAMPLED], is_all)])
    counted = (islice(portions, 1) if has_more else portions) if rest else ()
    counts, is_complete = value_counts_in_time(counted, rest, run_filter.subject, size=COUNTED_AT_ONCE, budget=by_index)
    whole = [*summed, *(rest if is_complete else ())]
    return RunList(run_filter, connection, names, run_query, min(number, CAP), has_more, counts | summed, whole)


def only_connection() -> str:
    """Returns the slug of a connection that all runs have; empty when there are several."""
    slugs = Connection.objects.values_list("slug", flat=True)[:2]
    return slugs[0] if len(slugs) == 1 else ""
