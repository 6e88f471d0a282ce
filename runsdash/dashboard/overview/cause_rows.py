"""Lists why runs ended badly: how many, of which assistant most of them are, when the last one was."""

from dataclasses import dataclass
from datetime import datetime

from runsdash.index import run_states
from runsdash.index.storage.keys import created_at_of
from runsdash.index.totals.last_runs import last_keys
from runsdash.index.totals.overview_totals import Figures
from runsdash.service.statuses import RunStatus, UnknownStatus, run_status

from .failures import cause_clauses, cause_name
from .groups import Names
from .query import OverviewQuery

MAX_CAUSES = 10


@dataclass(frozen=True)
class CauseRow:
    """Holds a cause. `facts`: the status that most of its runs have."""

    facts: RunStatus | UnknownStatus
    name: str
    is_never_answered: bool
    mostly: str
    last_at: datetime | None
    runs: int
    url: str


def cause_rows(query: OverviewQuery, names: Names, figures: Figures) -> list[CauseRow]:
    """Lists the most frequent causes."""
    counted = figures.runs_by("status", "error_code", "assistant_id")
    causes: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for (status, code, assistant), runs in counted.items():
        if status in run_states.NOT_COMPLETED:
            key = ("", str(code)) if code else (str(status), "")
            causes.setdefault(key, {})[str(status), str(assistant)] = runs
    ordered = sorted(causes.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:MAX_CAUSES]
    last = last_of(figures, [key for key, _ in ordered])
    return [row(query, names, key, own, last_key) for (key, own), last_key in zip(ordered, last, strict=True)]


def row(
    query: OverviewQuery, names: Names, key: tuple[str, str], own: dict[tuple[str, str], int], last_key: int | None
) -> CauseRow:
    statuses, assistants = most_of(own, 0), most_of(own, 1)
    return CauseRow(
        facts=run_status(statuses),
        name=cause_name(*key),
        is_never_answered=key == (run_states.EXPIRED, ""),
        mostly=names.name("assistant", assistants),
        last_at=created_at_of(last_key) if last_key else None,
        runs=sum(own.values()),
        url=query.list_url(*cause_clauses(query, *key)),
    )


def most_of(runs: dict[tuple[str, str], int], place: int) -> str:
    """Returns the value in a place of the keys that most runs have."""
    found: dict[str, int] = {}
    for key, count in runs.items():
        found[key[place]] = found.get(key[place], 0) + count
    return max(found, key=lambda value: (found[value], value))


def last_of(figures: Figures, causes: list[tuple[str, str]]) -> list[int | None]:
    """Finds the newest run of each cause. Narrowed pages say nothing of it."""
    if set(figures.narrowing.only) - {"connection_id"} or figures.narrowing.but:
        return [None] * len(causes)
    return last_keys(figures.span, figures.narrowing, causes)
