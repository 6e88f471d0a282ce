"""Writes what got worse beyond chance, each with its numbers and the two lists behind them."""

from collections.abc import Mapping
from dataclasses import dataclass

from runsdash.index import run_states
from runsdash.index.totals.overview_totals import Figures
from runsdash.index.totals.sums import Sums
from runsdash.index.totals.worse import Worse, worse_of

from . import changes
from .changes import Change
from .groups import COLUMN_OF, Names
from .query import OverviewQuery

JUDGED = ("assistant", "model")
Pair = tuple[Mapping[str | int, Sums], Mapping[str | int, Sums]]


@dataclass(frozen=True)
class WorseRow:
    """Holds one sentence. `now_url` and `before_url` are the lists of the runs that ended badly."""

    name: str
    kind: str
    now: str
    was: str
    bad: int
    runs: int
    bad_before: int
    runs_before: int
    p95: Change
    cause: str
    now_url: str
    before_url: str


def worse_rows(query: OverviewQuery, names: Names, figures: Figures, *, own: Pair | None = None) -> list[WorseRow]:
    """Judges assistants and models, and the page's own groups where those were counted (`own`: now and before)."""
    found = [
        (group, one)
        for group in JUDGED
        for one in worse_of(COLUMN_OF[group], figures.groups(COLUMN_OF[group]), figures.groups_before(COLUMN_OF[group]))
        if one.key
    ]
    found += [(query.group, one) for one in worse_of("", *own) if one.key] if own else []
    return [worse_row(query, names, figures, group, one) for group, one in found]


def worse_row(query: OverviewQuery, names: Names, figures: Figures, group: str, one: Worse) -> WorseRow:
    clauses = (names.clause(group, one.key), *query.statuses(*run_states.NOT_COMPLETED))
    fewest = min(one.now.completed, one.before.completed)
    counted = figures.runs_by(COLUMN_OF[group], "error_code") if group in COLUMN_OF else {}
    codes = {str(code): runs for (key, code), runs in counted.items() if key == one.key and code}
    code = max(codes, key=lambda name: (codes[name], name), default="")
    return WorseRow(
        name=names.name(group, one.key),
        kind=group,
        now=changes.share(one.now.bad_share),
        was=changes.share(one.before.bad_share),
        bad=one.now.ended_badly,
        runs=one.now.runs,
        bad_before=one.before.ended_badly,
        runs_before=one.before.runs,
        p95=changes.of_seconds(one.now.p95, one.before.p95, runs=fewest, name="p95"),
        cause=f"{codes[code]:,} with {code}" if code else "",
        now_url=query.list_url(*clauses),
        before_url=query.list_url(*clauses, span=figures.before),
    )
