"""Shows facets as menus: for each value the addresses that include and exclude it. Asks nothing."""

from dataclasses import dataclass

from runsdash.index.search.facets import CountedValue, Facets
from runsdash.index.search.run_filter import RUNS, Clause
from runsdash.service.statuses import RunStatus

from .query import ListAddress

LABELS = {
    "status": "Status", "model": "Model", "assistant": "Assistant", "error": "Error", "tool": "Tool",
    "label": "Label", "customer": "Customer", "connection": "Connection",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Holds one value. `include` and `exclude` are addresses that add the clause, or take it away."""

    label: str
    count: CountedValue
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


def menus(query: ListAddress, facets: Facets | None) -> list[Menu]:
    """Returns a menu for each name; those of one connection or without values are left out."""
    if facets is None:
        return []
    labels = LABELS if query.filter.subject is RUNS else LABELS | {"status": "Last status"}
    every = [Menu(name, labels[name], entries(query, name, values)) for name, values in facets.by_name.items()]
    return [menu for menu in every if len(menu.entries) > (menu.name == "connection")]


def entries(query: ListAddress, name: str, values: list[CountedValue]) -> list[Entry]:
    return [entry(query, name, one) for one in values if one.number or is_chosen(query, name, one.value)]


def is_chosen(query: ListAddress, name: str, value: str) -> bool:
    return any(one.name == name and one.value == value for one in query.filter.clauses)


def entry(query: ListAddress, name: str, value: CountedValue) -> Entry:
    clauses = query.filter.clauses
    return Entry(
        label=label_of(name, value),
        count=value,
        include=query.filtered(query.filter.toggled(name, value.value)),
        exclude=query.filtered(query.filter.toggled(name, value.value, negated=True)),
        is_included=Clause(name, value.value) in clauses,
        is_excluded=Clause(name, value.value, is_negated=True) in clauses,
    )


def label_of(name: str, value: CountedValue) -> str:
    if name == "status":
        return next((one.label for one in RunStatus if one.value == value.value), value.value)
    return value.label or value.value
