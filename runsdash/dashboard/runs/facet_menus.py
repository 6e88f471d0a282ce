"""Shows facets as menus: for each value the addresses that include and exclude it. Asks nothing."""

from dataclasses import dataclass

from runsdash.index.search.facets import Count, Facets
from runsdash.index.search.run_filter import RUNS, Clause
from runsdash.service.statuses import RunStatus

from .query import RunListQuery

LABELS = {
    "status": "Status", "model": "Model", "assistant": "Assistant", "error": "Error", "tool": "Tool",
    "label": "Label", "customer": "Customer", "connection": "Connection",
}  # fmt: skip


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


def menus(query: RunListQuery, facets: Facets | None) -> list[Menu]:
    """Returns a menu for each name; those of one connection or without values are left out."""
    if facets is None:
        return []
    labels = LABELS if query.filter.subject is RUNS else LABELS | {"status": "Last status"}
    every = [Menu(name, labels[name], entries(query, name, counts)) for name, counts in facets.counts.items()]
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
