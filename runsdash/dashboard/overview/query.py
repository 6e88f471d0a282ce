"""Parses what the address of the overview asks for: range, filter, grouping, connection. Writes such addresses.

Never fails: what cannot be read is left out, with a sentence in `error`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from urllib.parse import quote_plus, urlencode

from django.http import QueryDict

from runsdash.dashboard.shell import links
from runsdash.index.models import Connection
from runsdash.index.search.filter_names import COMPARISONS
from runsdash.index.search.run_filter import MOMENTS, Clause, FilterError, RunFilter, parsed
from runsdash.index.totals.hour_spans import Span

from .time_range import DEFAULT_RANGE, TimeRange, clauses_of, time_range_of

GROUPS = {"assistant": "Assistant", "model": "Model", "status": "Status", "connection": "Connection"}
DEFAULT_GROUP = "assistant"
OF_RUN, OF_THREAD = "metadata.", "thread.metadata."
FUNCTION = "function"
MAX_FILTER_CHARS = 4000  # what an address can hold; every link of the page carries it
KEY_CHARS = 64
OVERVIEW_NAMES = ("range", "from", "to", "group")  # what a saved overview keeps beside the filter


@dataclass(frozen=True, kw_only=True)
class OverviewQuery:
    """Holds the parsed address. `text` is the filter as typed; with an error in it `filter` is empty."""

    range: TimeRange
    group: str = DEFAULT_GROUP
    text: str = ""
    filter: RunFilter = field(default_factory=RunFilter)
    connection: Connection | None = None
    errors: tuple[str, ...] = ()

    @cached_property
    def values(self) -> dict[str, str]:
        """Returns what the address says, without defaults."""
        found = {
            **({} if self.range.query == {"range": DEFAULT_RANGE} else self.range.query),
            "group": "" if self.group == DEFAULT_GROUP else self.group,
            "q": self.text,
            "connection": self.connection.slug if self.connection else "",
        }
        return {name: value for name, value in found.items() if value}

    def within(self, among: Sequence[Connection]) -> list[Connection]:
        """Returns those connections whose runs the page counts."""
        slugs = [self.connection.slug] if self.connection else self.filter.values("connection")
        return [one for one in among if not slugs or one.slug in slugs]

    @property
    def rest(self) -> str:
        """Returns what a saved overview keeps beside the filter, as it stands in an address."""
        return urlencode({name: self.values[name] for name in OVERVIEW_NAMES if name in self.values})

    @property
    def kept_text(self) -> str:
        """Returns the filter with the connection that is chosen beside it, as a saved view keeps it."""
        chosen = [Clause("connection", self.connection.slug)] if self.connection else []
        return str(RunFilter((*self.filter.clauses, *(one for one in chosen if one not in self.filter.clauses))))

    @property
    def save_address(self) -> str:
        """Returns `?…` of the form that saves this overview."""
        return f"?{urlencode({'page': 'overview', 'rest': self.rest, 'q': self.kept_text})}"

    def address(self, **changes: str) -> str:
        """Returns `?…` of this page with some values changed."""
        values = {name: value for name, value in (self.values | changes).items() if value}
        return f"?{joined(values)}"

    def in_range(self, name: str) -> str:
        unset = {"from": "", "to": ""}
        return self.address(**unset, range="" if name == DEFAULT_RANGE else name)

    def grouped(self, group: str) -> str:
        return self.address(group="" if group == DEFAULT_GROUP else group)

    def filtered(self, run_filter: RunFilter) -> str:
        return self.address(q=str(run_filter))

    # Lists of runs

    def list_filter(self, *clauses: Clause, span: Span | None = None, is_timed: bool = True) -> RunFilter:
        """Returns the filter of the runs of this page, and of a span, for which these clauses hold as well.

        Values of one name mean "or", so clauses take the place of those that the page's own filter has of their name:
        what is shown beside them is within that filter already.
        """
        said = {(one.name, one.key) for one in clauses if means_or(one)}
        own = [one for one in self.filter.clauses if not means_or(one) or (one.name, one.key) not in said]
        times = () if not is_timed else clauses_of(span) if span else self.range.clauses
        return RunFilter((*own, *clauses, *times))

    def list_url(self, *clauses: Clause, span: Span | None = None, sort: str = "", is_timed: bool = True) -> str:
        """Links to the run list with these clauses, those of the page and those of the span."""
        query = {"q": str(self.list_filter(*clauses, span=span, is_timed=is_timed)), "sort": sort}
        query["connection"] = self.connection.slug if self.connection else ""
        return f"{links.address('runs')}?{joined({name: value for name, value in query.items() if value})}"

    def statuses(self, *wanted: str) -> tuple[Clause, ...]:
        """Returns clauses for runs with one of these statuses, within those that the page's filter asks for."""
        asked = self.filter.values("status")
        within = [one for one in wanted if not asked or one in asked]
        if within:
            return tuple(Clause("status", one) for one in within)
        return (Clause("status", wanted[0]), Clause("status", wanted[0], is_negated=True))  # no run has both


quoted = lru_cache(maxsize=1024)(quote_plus)  # a page has hundreds of addresses, most of their values the same


def joined(values: Mapping[str, str]) -> str:
    """Writes values as they stand in an address."""
    return "&".join([f"{name}={quoted(value)}" for name, value in values.items()])


def means_or(clause: Clause) -> bool:
    """Tells whether another clause of the same name would mean "or"."""
    return not clause.is_negated and clause.operator not in COMPARISONS


def overview_query(query: QueryDict, *, connection: Connection | None) -> OverviewQuery:
    time_range, errors = time_range_of(query), []
    if time_range.error:
        errors.append(f"{time_range.error} Showing {time_range.words}.")
    text, run_filter = query.get("q", "").strip(), RunFilter()
    try:
        run_filter = checked_filter(text)
    except FilterError as problem:
        errors.append(f"{problem} Showing all runs.")
        text = ""
    asked = query.get("group", "") or query.get("by", "") or DEFAULT_GROUP
    group = asked if is_group(asked) else DEFAULT_GROUP
    if asked != group:
        errors.append(f"“{asked[:40]}” is nothing to group by. Grouped by {GROUPS[group].lower()}.")
    return OverviewQuery(
        range=time_range, group=group, text=text, filter=run_filter, connection=connection, errors=tuple(errors)
    )


def checked_filter(text: str) -> RunFilter:
    if len(text) > MAX_FILTER_CHARS:
        raise FilterError(text[:40], f"The overview takes filters of {MAX_FILTER_CHARS:,} characters.")
    found = parsed(text)
    if any(one.name in MOMENTS for one in found.clauses):
        raise FilterError(text, "The overview has its own range, so its filter takes no times.")
    return found


def is_group(name: str) -> bool:
    return name in GROUPS or name == FUNCTION or bool(metadata_key(name))


def metadata_key(group: str) -> str:
    """Returns the key of a grouping by metadata; "" for other groupings."""
    for start in (OF_THREAD, OF_RUN):
        if group.startswith(start):
            return group.removeprefix(start)[:KEY_CHARS]
    return ""


def group_clause(group: str, value: str) -> Clause:
    """Returns the clause for the runs of a group."""
    key = metadata_key(group)
    if key:
        return Clause(group[: -len(key) - 1], value, "=", key)
    return Clause("tool" if group == FUNCTION else group, value)


def group_title(group: str) -> str:
    key = metadata_key(group)
    return key or GROUPS.get(group, "Function")
