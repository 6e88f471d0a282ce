"""Shows facets as menus: for each value the addresses that include and exclude it. Asks nothing."""

from dataclasses import dataclass

from runsdash.index.search.facets import Count, Facets
from runsdash.index.search.run_filter import MOMENTS, Clause, RunFilter
from runsdash.service.statuses import RunStatus

from .query import RunListQuery

LABELS = {
    "status": "Status", "model": "Model", "assistant": "Assistant", "error": "Error", "tool": "Tool",
    "connection": "Connection",
}  # fmt: skip
SPANS = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}


@dataclass(frozen=True)
class Entry:
    """Holds one value. `include` and `exclude` are addresses that add the clause, or take it away."""

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


def around_rows(query: RunListQuery, facets: Facets | None) -> dict[str, object]:
    """Returns what stands above the rows: {"facets", "chips", "menus", "time"}."""
    return {"facets": facets, "chips": chips(query, facets), "menus": menus(query, facets), "time": time_menu(query)}


@dataclass(frozen=True)
class TimeMenu:
    """Offers spans of creation until now: (label, address, is it chosen?).

    `label` says what is chosen, `is_set` whether anything is.
    """

    label: str
    entries: list[tuple[str, str, bool]]
    is_set: bool


def time_menu(query: RunListQuery) -> TimeMenu:
    """Puts one clause in place of all that the filter says of time."""
    others = RunFilter(tuple(one for one in query.filter.clauses if one.name not in MOMENTS))
    said = [one for one in query.filter.clauses if one.name in MOMENTS]
    clauses = {label: Clause(query.filter.subject.moments[0], f"-{span}", ">") for span, label in SPANS.items()}
    entries = [(label, query.filtered(others.with_clause(one)), said == [one]) for label, one in clauses.items()]
    chosen = next((label for label, _, is_chosen in entries if is_chosen), "As in the filter" if said else "Any time")
    return TimeMenu(chosen, [*entries, ("Any time", query.filtered(others), not said)], is_set=bool(said))


def menus(query: RunListQuery, facets: Facets | None) -> list[Menu]:
    """Returns a menu for each name; those of one connection or without values are left out."""
    if facets is None:
        return []
    every = [Menu(name, LABELS[name], entries(query, name, counts)) for name, counts in facets.counts.items()]
    return [menu for menu in every if len(menu.entries) > (menu.name == "connection")]


def entries(query: RunListQuery, name: str, counts: list[Count]) -> list[Entry]:
    return [entry(query, name, count) for count in counts if count.number or is_chosen(query, name, count.value)]


def is_chosen(query: RunListQuery, name: str, value: str) -> bool:
    return any(one.name == name and one.value == value for one in query.filter.clauses)


def entry(query: RunListQuery, name: str, count: Count) -> Entry:
    clauses = query.filter.clauses
    return Entry(
        label=label_of(name, count),
        count=count,
        include=query.filtered(query.filter.toggled(name, count.value)),
        exclude=query.filtered(query.filter.toggled(name, count.value, negated=True)),
        is_included=Clause(name, count.value) in clauses,
        is_excluded=Clause(name, count.value, is_negated=True) in clauses,
    )


def label_of(name: str, count: Count) -> str:
    if name == "status":
        return next((one.label for one in RunStatus if one.value == count.value), count.value)
    return count.label or count.value


def chips(query: RunListQuery, facets: Facets | None = None) -> list[dict[str, object]]:
    """Returns a chip for each status: its address adds or removes the clause, its count comes with the facets."""
    chosen = query.filter.values("status")
    counts = facets.statuses if facets else {}
    return [
        {
            "status": status,
            "is_on": status.value in chosen,
            "query": query.filtered(query.filter.toggled("status", status.value)),
            "count": counts.get(status.value),
        }
        for status in RunStatus
    ]
