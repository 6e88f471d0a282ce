"""Makes the menus that narrow the overview: for each value the addresses that keep it alone and leave it out."""

from collections import Counter
from dataclasses import dataclass

from runsdash.index.models import Run
from runsdash.index.totals.overview_totals import Figures

from .groups import COLUMN_OF, Names
from .query import GROUPS, OF_RUN, OF_THREAD, OverviewQuery

MAX_VALUES = 15
LOOKED_AT, MAX_KEYS = 200, 12  # newest runs that say which metadata keys there are, and how many are offered


@dataclass(frozen=True)
class FacetValue:
    """Holds one value. `include` and `exclude` are addresses that add the clause, or take it away."""

    name: str
    runs: int
    include: str
    exclude: str
    is_included: bool
    is_excluded: bool


@dataclass(frozen=True)
class FacetMenu:
    name: str
    label: str
    entries: list[FacetValue]

    @property
    def is_on(self) -> bool:
        return any(one.is_included or one.is_excluded for one in self.entries)


def menus(query: OverviewQuery, names: Names, figures: Figures) -> list[FacetMenu]:
    """Returns a menu for each name with more than one value, or with one that the filter speaks of."""
    found = [menu(query, names, figures, name) for name in COLUMN_OF]
    return [one for one in found if one.entries and (one.name != "connection" or len(names.connections) > 1)]


def menu(query: OverviewQuery, names: Names, figures: Figures, name: str) -> FacetMenu:
    counts: Counter[str | int] = Counter()
    for (value,), runs in figures.runs_by(COLUMN_OF[name]).items():
        counts[value] += runs
    chosen = [entry(query, names, name, value, runs) for value, runs in counts.most_common(MAX_VALUES) if value]
    return FacetMenu(name, GROUPS[name], [*chosen, *excluded(query, names, name, {one.name for one in chosen})])


def entry(query: OverviewQuery, names: Names, name: str, value: str | int, runs: int) -> FacetValue:
    clause = names.clause(name, value)
    toggled = query.filter.toggled
    return FacetValue(
        name=names.name(name, value),
        runs=runs,
        include=query.filtered(toggled(name, clause.value)),
        exclude=query.filtered(toggled(name, clause.value, negated=True)),
        is_included=clause.value in query.filter.values(name),
        is_excluded=clause.value in query.filter.values(name, negated=True),
    )


def excluded(query: OverviewQuery, names: Names, name: str, shown: set[str]) -> list[FacetValue]:
    """Returns what the filter leaves out, which has no runs here, so that it can be taken back."""
    found = []
    for value in query.filter.values(name, negated=True):
        words = value if name == "connection" else names.name(name, value)
        if words not in shown:
            include = query.filtered(query.filter.toggled(name, value))
            exclude = query.filtered(query.filter.toggled(name, value, negated=True))
            found.append(FacetValue(words, 0, include, exclude, is_included=False, is_excluded=True))
    return found


@dataclass(frozen=True)
class KeyLink:
    """Holds a metadata key to group by: `label` says whose it is."""

    label: str
    address: str
    is_on: bool


def metadata_keys(query: OverviewQuery) -> list[KeyLink]:
    """Offers the keys that the newest runs of the range, and their threads, have; the most frequent first."""
    runs = Run.objects.of(query.connection).filter(**query.range.span.keys).order_by("-pk")
    newest = list(runs.values_list("metadata", "thread__metadata")[:LOOKED_AT])
    found = []
    for place, words, start in ((1, "thread", OF_THREAD), (0, "run", OF_RUN)):
        counts: Counter[str] = Counter()
        for row in newest:
            counts.update(list(row[place]) if isinstance(row[place], dict) else ())
        found += [(f"{words}: {key}", f"{start}{key}") for key, _ in counts.most_common(MAX_KEYS) if key]
    return [KeyLink(label, query.grouped(group), group == query.group) for label, group in found]
