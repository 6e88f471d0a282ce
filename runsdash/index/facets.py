"""How many of the runs of a filter have each status, model, assistant, error, tool and connection.

Exact up to CAP. Beyond it a count is "CAP+" where an index says so quickly, else "at least" what the newest runs have.
The counts of one name leave out the filter's own clauses of that name, so that other values can be added.
"""

import time
from collections import Counter
from dataclasses import dataclass, field, replace

from runsdash.service.statuses import RunStatus

from .filters import Clause, RunFilter
from .models import Assistant, Connection
from .planner.pages import capped_count, ids_of
from .planner.sql import Sql, each_row, each_run, fetched, listed_ids
from .planner.tracks import Limits

CAP = 10_000
SAMPLED = 2_000  # newest runs that tell which values a larger list has
SHOWN = 10
NAMES = ("status", "model", "assistant", "error", "tool", "connection")
LOOKING = Limits(walk_s=0.15, statement_s=0.4)
COUNTING_S = 0.3  # of everything; values that are not counted by then have what the newest runs have
KEPT_TIMES_COST, MOST_KEPT = 50, 200
COLUMNS = ("status", "model", "assistant", "error", "connection")  # as `tally` reads them

_kept: dict[tuple, tuple[float, "Facets"]] = {}


@dataclass(frozen=True)
class Count:
    """A value and how many runs have it; `is_more`: that many or more. `label` is what people call it."""

    value: str
    number: int
    is_more: bool = False
    label: str = ""

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

    @property
    def total_text(self) -> str:
        return f"{self.total:,}{'+' if self.is_more else ''}"

    @property
    def statuses(self) -> dict[str, Count]:
        return {count.value: count for count in self.counts.get("status", [])}


def facets_of(run_filter: RunFilter, connection: Connection | None = None) -> Facets:
    """Of a large list what was counted a moment ago: counting takes at most a fiftieth of a process's time."""
    key = run_filter, connection and connection.pk
    until, found = _kept.get(key, (0.0, None))
    began = time.monotonic()
    if began < until:
        return found
    found = counted(run_filter, connection)
    if found.is_more:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        now = time.monotonic()
        _kept[key] = now + (now - began) * KEPT_TIMES_COST, found
    return found


def counted(run_filter: RunFilter, connection: Connection | None) -> Facets:
    """Looks at no more than CAP + 1 runs for each name that the filter has clauses of, and once for all others."""
    sets: dict[RunFilter, RunSet] = {}
    deadline = time.monotonic() + COUNTING_S
    whole = sets[run_filter] = run_set(run_filter, connection)
    counts = {}
    for name in NAMES:
        others = without(run_filter, name)
        if others not in sets:
            sets[others] = run_set(others, connection)
        chosen = [*run_filter.values(name), *run_filter.values(name, negated=True)]
        counts[name] = counts_of(sets[others], name, connection, chosen=chosen, deadline=deadline)
        if len(run_filter.values(name)) == 1 and not whole.has_more:  # then the whole filter is that value's count
            (only,) = run_filter.values(name)
            counts[name] = [Count(only, len(whole.ids)) if one.value == only else one for one in counts[name]]
    counts["assistant"] = with_names(counts["assistant"])
    return Facets(min(len(whole.ids), CAP), whole.has_more, counts)


def without(run_filter: RunFilter, name: str) -> RunFilter:
    return RunFilter(tuple(one for one in run_filter.clauses if one.name != name or one.is_negated))


@dataclass
class RunSet:
    """The newest runs of a filter, at most CAP + 1, and what they have."""

    filter: RunFilter
    ids: list[int]
    has_more: bool
    tallies: dict[str, Counter] = field(default_factory=dict)


def run_set(run_filter: RunFilter, connection: Connection | None) -> RunSet:
    ids, is_all = ids_of(run_filter, connection=connection, count=CAP + 1, limits=LOOKING)
    has_more = len(ids) > CAP or not is_all
    found = RunSet(run_filter, ids, has_more)
    found.tallies = tally(ids[:SAMPLED] if has_more else ids)
    return found


def tally(ids: list[int]) -> dict[str, Counter]:
    """Runs of `ids` by value, for each name."""
    found = {name: Counter() for name in NAMES}
    rows = each_run(listed_ids(ids))
    columns = "r.status, r.model, r.assistant_id, r.error_code, c.slug"
    grouped = f"SELECT {columns}, COUNT(*) FROM {rows.text} JOIN index_connection c ON c.id = r.connection_id GROUP BY {columns}"
    for *values, number in fetched(Sql(grouped, rows.params)):
        for name, value in zip(COLUMNS, values, strict=True):
            found[name][value] += number
    used = each_row(listed_ids(ids), "index_runtool", "run_id")
    tools = f"SELECT r.name, COUNT(*) FROM {used.text} GROUP BY r.name"
    found["tool"].update(dict(fetched(Sql(tools, used.params))))
    return found


def counts_of(
    runs: RunSet, name: str, connection: Connection | None, *, chosen: list[str], deadline: float
) -> list[Count]:
    tallied = runs.tallies[name]
    values = [value for value, _ in tallied.most_common(SHOWN) if value]
    known = [one.value for one in RunStatus] if name == "status" else []
    values += [value for value in [*chosen, *known] if value not in values]
    if not runs.has_more:
        return [Count(value, tallied[value]) for value in values]
    counts = [exact(runs, name, value, connection, deadline=deadline) for value in values]
    return sorted(counts, key=lambda count: -count.number)


def exact(runs: RunSet, name: str, value: str, connection: Connection | None, *, deadline: float) -> Count:
    """Counted in an index while there is time for it, else at least what the newest runs have."""
    number = None
    if time.monotonic() < deadline:
        number = capped_count(runs.filter.with_clause(Clause(name, value)), cap=CAP, connection=connection)
    if number is None:
        return Count(value, runs.tallies[name][value], is_more=True)
    return Count(value, min(number, CAP), is_more=number > CAP)


def with_names(counts: list[Count]) -> list[Count]:
    ids = [count.value for count in counts]
    names = dict(Assistant.objects.filter(connection__in=Connection.objects.values("pk"), upstream_id__in=ids)
                 .values_list("upstream_id", "name"))  # fmt: skip
    return [replace(count, label=names.get(count.value, "")) for count in counts]
