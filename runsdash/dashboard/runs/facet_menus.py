"""Shows facets as menus: for each value its count, and links that include and exclude it. Asks nothing.

A page has dozens of values, so they are written as text for the reason that `cells.py` gives, and by its rule: what is
not our own goes through `markup`.
"""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.templatetags.shown import icon
from runsdash.index.search.facets import CountedValue, Facets
from runsdash.index.search.run_filter import RUNS, Clause
from runsdash.service.statuses import RunStatus

from .query import ListAddress, clauses_in_address

LABELS = {
    "status": "Status", "model": "Model", "assistant": "Assistant", "error": "Error", "tool": "Tool",
    "label": "Label", "customer": "Customer", "connection": "Connection",
}  # fmt: skip
LABEL_OF_STATUS = {one.value: one.label for one in RunStatus}
LABEL_CHARS = 40
CURRENT, NOTHING = SafeString(' aria-current="true"'), SafeString("")
PAIR = (
    '<div class="pair" data-value="{0}"><a href="{1}"{2} title="{0}">{3} <span>{4}</span> <small>{5}</small></a> '
    '<a class="out" href="{6}"{7} aria-label="{8}">not</a></div>\n'
)


@dataclass(frozen=True)
class Menu:
    """Holds the values of one name as HTML. `chosen`: how many of them the filter includes or excludes."""

    name: str
    label: str
    entries: SafeString
    chosen: int


def menus(query: ListAddress, facets: Facets | None) -> list[Menu]:
    """Returns a menu for each name; those of one connection or without values are left out."""
    if facets is None:
        return []
    labels = LABELS if query.filter.subject is RUNS else LABELS | {"status": "Last status"}
    found = [menu(query, name, labels[name], values) for name, values in facets.by_name.items()]
    return [one for one in found if one]


def menu(query: ListAddress, name: str, label: str, values: list[CountedValue]) -> Menu | None:
    chosen = {one.value for one in query.filter.clauses if one.name == name}
    shown = [one for one in values if one.number or one.value in chosen]
    if len(shown) <= (name == "connection"):
        return None
    pairs = [pair(query, name, one) for one in shown]
    return Menu(name, label, SafeString("".join(pairs)), sum(one.value in chosen for one in shown))


def pair(query: ListAddress, name: str, value: CountedValue) -> SafeString:
    """Renders a value: a link that adds its clause, or takes it away, and one that does so with the opposite."""
    clause, opposite = Clause(name, value.value), Clause(name, value.value, is_negated=True)
    is_included, is_excluded = clause in query.clauses, opposite in query.clauses
    include, exclude = addresses(query, clause, opposite)
    label = label_of(name, value)
    return markup(
        PAIR,
        value.value,
        include,
        CURRENT if is_included else NOTHING,
        icon("check" if is_included else "x" if is_excluded else "plus"),
        cut(label, LABEL_CHARS),
        value.text,
        exclude,
        CURRENT if is_excluded else NOTHING,
        f"No longer “not {label}”" if is_excluded else f"Not {label}",
    )


def addresses(query: ListAddress, clause: Clause, opposite: Clause) -> tuple[str, str]:
    """Returns the addresses of both links. One more clause, that nothing is said of, needs no look at the others."""
    both = {clause, opposite}
    if both.isdisjoint(query.clauses) and both.isdisjoint(query.kept_clauses):
        start, end = query.address_around
        yes, no = clauses_in_address(clause.name, clause.value, "")
        return f"{start}{yes}{end}", f"{start}{no}{end}"
    toggled = query.filter.toggled
    name, value = clause.name, clause.value
    return query.filtered(toggled(name, value)), query.filtered(toggled(name, value, negated=True))


def label_of(name: str, value: CountedValue) -> str:
    if name == "status":
        return LABEL_OF_STATUS.get(value.value, value.value)
    return value.label or value.value
