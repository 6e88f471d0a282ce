"""Follows filters from text to rows: the way goes through few files, each read once or nearly so.

The stations are the files that decide something. The others of the folder are words that they use: forms of SQL, values
and names of clauses, limits. Those ask no station, which is tested too.
"""

import ast
import sys
from pathlib import Path
from types import FrameType

import pytest

from runsdash.index import search
from runsdash.index.models import Run
from runsdash.index.search import SORTS, RunOrder, TimeBudget, run_list_page
from runsdash.index.search.run_filter import parsed
from tests.rows import made_connection

FOLDER = Path(search.__file__).parent
STATIONS = ("run_pages", "queries", "predicates", "thread_predicates", "plan", "scans")
WORDS = (
    "run_filter", "filter_grammar", "filter_names", "filter_values", "run_query", "index_ranges", "sql_pieces", "subjects",
    "time_budget",
)  # fmt: skip
MOST_RETURNS = 6
FILTERS = (
    "", "status:failed", "-status:completed", "status:failed model:gpt-4o created>-7d", "duration>10s -tool:search",
    "metadata.env=prod assistant:Bot is:overdue has:error", 'invoice "two words" created:2026-11-01..2026-11-07',
    "since:7d cost:0.1..0.2 steps:unknown -metadata.env=dev thread:thread_1",
)  # fmt: skip


class Stations:
    """Writes down which station works, in order, while it is entered."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self._inside: list[str] = []

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "call":
            path = Path(frame.f_code.co_filename)
            is_station = path.parent == FOLDER and path.stem in STATIONS
            self._inside.append(path.stem if is_station else self.at)
        elif event == "return" and self._inside:
            self._inside.pop()
        if self.at and self.visits[-1:] != [self.at]:
            self.visits.append(self.at)

    @property
    def at(self) -> str:
        return self._inside[-1] if self._inside else ""

    @property
    def returns(self) -> int:
        """How often a station was entered that had been left."""
        return len(self.visits) - len(set(self.visits))


def visits(text: str, order: RunOrder) -> Stations:
    stations = Stations()
    run_filter, budget = parsed(text), TimeBudget(walk_s=60, statement_s=60)
    sys.setprofile(stations)
    try:
        run_list_page(run_filter, order=order, rows=Run.objects.all(), limit=5, budget=budget)
    finally:
        sys.setprofile(None)
    return stations


@pytest.mark.parametrize("text", FILTERS)
def test_a_reader_returns_to_few_files(db: None, text: str) -> None:
    made_connection("here")
    for sort in SORTS:
        stations = visits(text, RunOrder(sort))
        assert set(stations.visits) <= set(STATIONS)
        assert stations.visits[0] == "run_pages"
        assert "predicates" in stations.visits
        assert "plan" in stations.visits
        assert stations.returns <= MOST_RETURNS, f"{sort}: {stations.visits}"


def imported(path: Path) -> set[str]:
    """Names the modules of this folder that a module imports."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.level]
    return {name for node in nodes for name in ([node.module] if node.module else [one.name for one in node.names])}


def test_words_ask_no_station() -> None:
    # They count, add up and complete, or read what a row shows; no row is found through them.
    others = {
        "__init__",
        "facets",
        "facet_times",
        "value_counts",
        "walked_sums",
        "filter_totals",
        "summed_runs",
        "thread_sums",
        "listed_runs",
        "inbox_rows",
        "suggestions",
        "note_predicates",
        "metadata_predicates",
        "assistant_names",
        "values_of_connection",
        "waits",
    }
    assert {path.stem for path in FOLDER.glob("*.py")} == {*STATIONS, *WORDS, *others}
    asked = {word: imported(FOLDER / f"{word}.py") & {*STATIONS, *others} for word in WORDS}
    assert asked == {word: set() for word in WORDS}


def test_each_station_asks_those_that_come_after_it() -> None:
    order = ("run_pages", "plan", "scans")
    for place, station in enumerate(order):
        assert not imported(FOLDER / f"{station}.py") & set(order[:place])
    assert not imported(FOLDER / "predicates.py") & set(order)
