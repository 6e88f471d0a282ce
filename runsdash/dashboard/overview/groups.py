"""Makes the table of groups, and what their values are called, linked to and narrowed by."""

from collections.abc import Mapping
from dataclasses import dataclass

from runsdash.dashboard.shell import formats
from runsdash.index.models import Assistant, Connection
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.totals.sums import Sums
from runsdash.service.statuses import run_status

from . import changes
from .changes import Change
from .query import GROUPS, OverviewQuery, group_clause

COLUMN_OF = {"assistant": "assistant_id", "model": "model", "status": "status", "connection": "connection_id"}
MAX_ROWS = 20
MAX_NAMES = 500  # assistants whose names are looked up
NO_CHANGE = Change("")


@dataclass(frozen=True)
class Names:
    """Knows what values of a grouping are called, and which clause finds their runs."""

    assistants: Mapping[str, str]
    connections: Mapping[int, Connection]

    @classmethod
    def of(cls, assistant_ids: list[str], connections: list[Connection], *, within: list[Connection]) -> "Names":
        """Reads names. `within`: the connections whose runs are counted, since each has its own names."""
        wanted = [one for one in assistant_ids if one][:MAX_NAMES]
        rows = Assistant.objects.filter(connection__in=within, upstream_id__in=wanted).exclude(name="")
        names = dict(rows.values_list("upstream_id", "name")) if wanted else {}
        return cls(names, {one.pk: one for one in connections})

    def name(self, group: str, value: str | int) -> str:
        if group == "assistant":
            return self.assistants.get(str(value)) or formats.short_id_text(str(value)) or "no assistant"
        if group == "connection" and value in self.connections:
            return self.connections[int(value)].slug
        if group == "status":
            return run_status(str(value)).label
        return str(value) or (f"no {GROUPS[group].lower()}" if group in GROUPS else "none")

    def clause(self, group: str, value: str | int) -> Clause:
        if group == "connection" and value in self.connections:
            return Clause("connection", self.connections[int(value)].slug)
        return group_clause(group, str(value))


@dataclass(frozen=True)
class GroupRow:
    """Holds a row: a group's sums, their changes, and where they lead."""

    name: str
    title: str
    sums: Sums
    runs: Change
    bad: Change
    cost: Change
    tokens: Change
    p95: Change
    share: str
    url: str
    narrowed: str

    @property
    def bad_share(self) -> str:
        return changes.share(self.sums.bad_share)

    @property
    def has_cost(self) -> bool:
        return bool(self.sums.cost) or not self.sums.unpriced_runs


def group_rows(
    query: OverviewQuery,
    names: Names,
    now: Mapping[str | int, Sums],
    before: Mapping[str | int, Sums] | None,
    *,
    total: float,
    most: int | None = None,
) -> list[GroupRow]:
    """Makes rows in the order of cost, then tokens, then runs. `before`: None: not counted. `total`: all cost."""
    ordered = sorted(now.items(), key=lambda item: (-item[1].cost, -item[1].total_tokens, -item[1].runs, str(item[0])))
    return [group_row(query, names, value, sums, before, total) for value, sums in ordered[:most]]


def group_row(
    query: OverviewQuery,
    names: Names,
    value: str | int,
    sums: Sums,
    before: Mapping[str | int, Sums] | None,
    total: float,
) -> GroupRow:
    was = None if before is None else before.get(value, Sums())
    fewest = min(sums.completed, was.completed) if was else 0
    clause = names.clause(query.group, value)
    others = RunFilter(
        tuple(one for one in query.filter.clauses if one.is_negated or (one.name, one.key) != (clause.name, clause.key))
    )
    return GroupRow(
        name=names.name(query.group, value),
        title=str(value) if query.group == "assistant" else "",
        sums=sums,
        runs=changes.of_count(sums.runs, was.runs, short=True) if was else NO_CHANGE,
        bad=bad_change(sums, was) if was else NO_CHANGE,
        cost=changes.of_cost(sums.cost, was.cost, short=True) if was else NO_CHANGE,
        tokens=changes.of_tokens(sums.total_tokens, was.total_tokens) if was else NO_CHANGE,
        p95=changes.of_seconds(sums.p95, was.p95, runs=fewest) if was else NO_CHANGE,
        share=f"{100 * sums.cost / total:.1f}%" if total else "0%",
        url=query.list_url(clause) if value else "",
        narrowed=query.filtered(others.with_clause(clause)) if value else "",
    )


def bad_change(now: Sums, before: Sums) -> Change:
    return changes.of_share((now.ended_badly, now.runs), (before.ended_badly, before.runs), short=True)
