"""Shows how functions are answered, and which of them expired runs waited for."""

from dataclasses import dataclass

from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.links import address
from runsdash.index import run_states
from runsdash.index.search.run_filter import Clause
from runsdash.index.totals.answers import OTHER_CODE, FunctionAnswers, answers_of, expired_functions

from .query import OverviewQuery

MAX_FUNCTIONS, MAX_PEOPLE, MAX_EXPIRED = 20, 3, 5


@dataclass(frozen=True)
class FunctionRow:
    name: str
    url: str
    answered: int
    never: int
    by: str
    waited: str


@dataclass(frozen=True)
class WaitedFor:
    """Holds a function that expired runs waited for. `runs` None: more runs expired than were looked at."""

    name: str
    url: str
    runs: int | None


def function_rows(query: OverviewQuery) -> tuple[list[FunctionRow], bool]:
    """Lists functions, and says whether only the newest runs were looked at."""
    found = answers_of(query.range.span, only_of(query))
    return [function_row(one) for one in found.functions[:MAX_FUNCTIONS]], found.is_cut


def function_row(one: FunctionAnswers) -> FunctionRow:
    ordered = sorted(one.by.items(), key=lambda item: (-item[1], item[0] == OTHER_CODE, item[0]))
    people = [f"{actor if actor != OTHER_CODE else 'other code'} {count:,}" for actor, count in ordered]
    more = f" and {len(people) - MAX_PEOPLE} more" if len(people) > MAX_PEOPLE else ""
    half, most = one.waited_s(0.5), one.waited_s(0.95)
    return FunctionRow(
        name=one.name,
        url=address("function", one.name),
        answered=one.answered,
        never=one.never,
        by=", ".join(people[:MAX_PEOPLE]) + more or formats.UNKNOWN,
        waited=f"{formats.duration_text(half)}, p95 {formats.duration_text(most)}" if one.waited else formats.UNKNOWN,
    )


def waited_for(query: OverviewQuery) -> list[WaitedFor]:
    """Lists the functions that expired runs waited for, the most frequent first."""
    counts, is_cut = expired_functions(query.range.span, only_of(query))
    clauses = (*query.statuses(run_states.EXPIRED), Clause("has", "error", is_negated=True))
    return [
        WaitedFor(name, query.list_url(*clauses, Clause("tool", name)), None if is_cut else runs)
        for name, runs in list(counts.items())[:MAX_EXPIRED]
    ]


def only_of(query: OverviewQuery) -> dict[str, int]:
    return {"connection_id": query.connection.pk} if query.connection else {}
