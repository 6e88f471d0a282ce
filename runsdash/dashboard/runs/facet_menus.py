"""Facets as menus: for each value the addresses that include and exclude it. Formats, asks nothing."""

from dataclasses import dataclass

from runsdash.index.search.facets import Count, Facets
from runsdash.index.search.run_filter import MOMENTS, Clause, RunFilter
from runsdash.service.statuses import RunStatus

from .query import AskedRuns

LABELS = {
    "status": "Status", "model": "Model", "assistant": "Assistant", "error": "Error", "tool": "Tool",
    "connection": "Connection",
}  # fmt: skip
SPANS = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}


@dataclass(frozen=True)
class Entry:
    """One value: `include` and `exclude` are addresses that add the clause, or take it away when it is there."""

    label: str
    count: Count
    include: str
    exclude: str
    is_included: bool
    is_excluded: bool


@dataclass(frozen=True)
class Menu:
    name: str
    label: str
    entries: list[Entry]

    @property
    def chosen(self) -> int:
        return sum(entry.is_included or entry.is_excluded for entry in self.entries)


def around_rows(asked: AskedRuns, facets: Facets | None) -> dict[str, object]:
    """What stands above the rows: {"facets", "chips", "menus", "time"}."""
    return {"facets": facets, "chips": chips(asked, facets), "menus": menus(asked, facets), "time": time_menu(asked)}


@dataclass(frozen=True)
class TimeMenu:
    """Spans of creation until now: (label, address, is it chosen?). `label` says what is chosen, `is_set` whether anything is."""

    label: str
    entries: list[tuple[str, str, bool]]
    is_set: bool


def time_menu(asked: AskedRuns) -> TimeMenu:
    """Each address puts one clause in place of all that the filter says of time."""
    others = RunFilter(tuple(one for one in asked.filter.clauses if one.name not in MOMENTS))
    said = [one for one in asked.filter.clauses if one.name in MOMENTS]
    clauses = {label: Clause("created", f"-{span}", ">") for span, label in SPANS.items()}
    entries = [(label, asked.filtered(others.with_clause(one)), said == [one]) for label, one in clauses.items()]
    chosen = next((label for label, _, is_chosen in entries if is_chosen), "As in the filter" if said else "Any time")
    return TimeMenu(chosen, [*entries, ("Any time", asked.filtered(others), not said)], is_set=bool(said))


def menus(asked: AskedRuns, facets: Facets | None) -> list[Menu]:
    """A menu for each name; those of one connection or without values are left out."""
    if facets is None:
        return []
    found = [Menu(name, LABELS[name], entries(asked, name, counts)) for name, counts in facets.counts.items()]
    return [menu for menu in found if len(menu.entries) > (menu.name == "connection")]


def entries(asked: AskedRuns, name: str, counts: list[Count]) -> list[Entry]:
    return [entry(asked, name, count) for count in counts if count.number or is_chosen(asked, name, count.value)]


def is_chosen(asked: AskedRuns, name: str, value: str) -> bool:
    return any(one.name == name and one.value == value for one in asked.filter.clauses)


def entry(asked: AskedRuns, name: str, count: Count) -> Entry:
    clauses = asked.filter.clauses
    return Entry(
        label=label_of(name, count),
        count=count,
        include=asked.filtered(asked.filter.toggled(name, count.value)),
        exclude=asked.filtered(asked.filter.toggled(name, count.value, negated=True)),
        is_included=Clause(name, count.value) in clauses,
        is_excluded=Clause(name, count.value, is_negated=True) in clauses,
    )


def label_of(name: str, count: Count) -> str:
    if name == "status":
        return next((one.label for one in RunStatus if one.value == count.value), count.value)
    return count.label or count.value


def chips(asked: AskedRuns, facets: Facets | None = None) -> list[dict[str, object]]:
    """A chip for each status: its address adds or takes away the clause. Counts come with the facets."""
    chosen = asked.filter.values("status")
    counts = facets.statuses if facets else {}
    return [
        {
            "status": status,
            "is_on": status.value in chosen,
            "query": asked.filtered(asked.filter.toggled("status", status.value)),
            "count": counts.get(status.value),
        }
        for status in RunStatus
    ]
