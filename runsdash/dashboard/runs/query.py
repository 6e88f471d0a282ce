"""Reads and writes the address of a list: filter, order, page size, place. `run_list_address` is where reading begins.

Asks the database for a kept filter alone.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from urllib.parse import quote_plus, urlencode

from django.http import QueryDict
from django.urls import reverse

from runsdash.dashboard.shell.page_types import QueryValue
from runsdash.index.kept_filters import is_long, kept_text
from runsdash.index.search import SORTS, RunOrder
from runsdash.index.search.run_filter import (
    METADATA,
    RUNS,
    TEXT,
    Clause,
    FilterError,
    RunFilter,
    parsed,
    text_of,
)
from runsdash.index.search.subjects import Subject

LIMITS = [25, 50, 100]
DEFAULT_LIMIT = 50
NEWEST_FIRST = "-created_at"
MAX_FILTER_CHARS = 20_000
MAX_CHIPS = 100  # clauses with a link that takes them away
MAX_WORDS = 20  # that a run page marks
FILTER_NAMES = ("q", "kept", "but")  # what says a filter in an address
NO_FILTER = RunFilter()
AN_ID = re.compile(r"(run|thread|asst|step|msg|call)_\w+")


@dataclass(frozen=True, kw_only=True)
class ListAddress:
    """Holds the parsed address. `text` is the filter as typed; with an `error` the `filter` is empty.

    `given` is what says the filter in the address: `q`, or a `kept` filter, which is `base`, with `q` for what it has
    more and `but` for what it has less.
    """

    text: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    base: RunFilter = NO_FILTER
    filter: RunFilter = NO_FILTER
    error: FilterError | None = None
    sort: str = NEWEST_FIRST
    usual_sort: str = NEWEST_FIRST
    limit: int = DEFAULT_LIMIT
    cursor: str = ""
    connection_slug: str = ""

    @property
    def order(self) -> RunOrder:
        return RunOrder(self.sort.removeprefix("-"), is_descending=self.sort.startswith("-"))

    @property
    def of(self) -> str:
        """Returns what is listed, "runs" or "threads": the name of the list's URL, too."""
        return self.filter.subject.plural

    @property
    def is_first_page(self) -> bool:
        """Tells whether this is the page that newer runs would come to: newest first, from the start."""
        return self.order == RunOrder() and not self.cursor

    def url_query(self, **changes: QueryValue) -> str:
        """Returns `?…` with some values changed, without defaults; a change starts at the first page."""
        values = {
            **dict.fromkeys(FILTER_NAMES, ""),
            **(self.given if "q" not in changes else {}),
            "sort": self.sort_word,
            "limit": self.limit if self.limit != DEFAULT_LIMIT else "",
            "connection": self.connection_slug,
        } | changes
        given = {name: value for name, value in values.items() if value not in ("", None)}
        return f"?{urlencode(given)}" if given else "?"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Returns what a form of the list carries, without its page."""
        given = {**self.given, "sort": self.sort_word, "connection": self.connection_slug}
        return [(name, value) for name, value in given.items() if value]

    def sorted_by(self, sort: str) -> str:
        """Links to the list in another order: largest first, and the other way when it is so already."""
        chosen = sort if self.sort == f"-{sort}" else f"-{sort}"
        return self.url_query(sort=chosen if chosen != self.usual_sort else "")

    def filtered(self, run_filter: RunFilter) -> str:
        return self.url_query(**self.said(run_filter))

    def said(self, run_filter: RunFilter) -> dict[str, str]:
        """Returns what says a filter in an address: in short, where it has something of the kept one."""
        clauses = set(run_filter.clauses)
        less = [one for one in self.base.clauses if one not in clauses]
        if len(less) == len(self.base.clauses):
            return {"q": str(run_filter)}
        more = [one for one in run_filter.clauses if one not in self.kept_clauses]
        return {"q": text_of_all(more), "kept": self.given["kept"], "but": text_of_all(less)}

    @cached_property
    def clauses(self) -> frozenset[Clause]:
        return frozenset(self.filter.clauses)

    @cached_property
    def kept_clauses(self) -> frozenset[Clause]:
        return frozenset(self.base.clauses)

    def in_address(self, clause: Clause) -> str:
        return quote_plus(text_of(clause))

    def with_pair(self, key: str, value: str) -> str:
        """Links to the list narrowed to a metadata pair. Called for each tag of each row."""
        start, end = self.address_around
        return f"{start}{pair_in_address(key, value)}{end}"

    def only(self, name: str, value: str, key: str = "") -> tuple[str, str]:
        """Returns the addresses of the list with this value alone, and without it. Called for cells of each row."""
        ends = self.ends_of.get((name, key)) or self.ends_of.setdefault((name, key), self.ends_without(name, key))
        yes, no = clauses_in_address(name, value, key)
        (start, end), (start_of_others, end_of_others) = ends
        return f"{start}{yes}{end}", f"{start_of_others}{no}{end_of_others}"

    def ends_without(self, name: str, key: str) -> tuple[tuple[str, str], tuple[str, str]]:
        """Returns both addresses around their clause: what the filter says of the name gives way to it."""
        of_others = [one for one in self.filter.clauses if (one.name, one.key) != (name, key)]
        excluding = [one for one in self.filter.clauses if (one.name, one.key) != (name, key) or one.is_negated]
        return self.ends_around(self.filter.of(of_others)), self.ends_around(self.filter.of(excluding))

    @cached_property
    def ends_of(self) -> dict[tuple[str, str], tuple[tuple[str, str], tuple[str, str]]]:
        return {}

    def row_address(self, key: int) -> str:
        """Returns the address of the menu of a row of this list."""
        return f"{rows_address()}{key}/{self.own_address}"

    @cached_property
    def own_address(self) -> str:
        return self.url_query()

    @cached_property
    def address_around(self) -> tuple[str, str]:
        """Returns the address of the list, before and behind one more clause."""
        return self.ends_around(self.filter)

    def ends_around(self, run_filter: RunFilter) -> tuple[str, str]:
        said = self.said(run_filter)
        rest = self.url_query(**said | {"q": ""}).removeprefix("?")
        start = quote_plus(f"{said['q']} ") if said["q"] else ""
        return f"?q={start}", f"&{rest}" if rest else ""

    @property
    def sort_word(self) -> str:
        """Returns `sort` as a saved view keeps it."""
        return "" if self.sort == self.usual_sort else self.sort

    @property
    def kept_text(self) -> str:
        """Returns the filter as a saved view keeps it: with the connection that was chosen beside it."""
        if not self.connection_slug or self.error:
            return self.text
        of_connection = Clause("connection", self.connection_slug)
        return str(self.filter.without_name("connection").with_clause(of_connection))

    @property
    def chips(self) -> list[tuple[str, str]]:
        """Returns each clause as text, with the address of the list without it. What is kept is one."""
        own = [one for one in self.filter.clauses if one not in self.kept_clauses]
        chips = [(text_of(one), self.filtered(self.filter.without(one))) for one in own[:MAX_CHIPS]]
        kept = len(self.filter.clauses) - len(own)
        return [(f"{kept} clauses", self.url_query(q=text_of_all(own))), *chips] if kept else chips

    @property
    def id_word(self) -> str:
        """Returns a word of the filter that looks like an id; ids are not among the words of a run."""
        words = (one.value for one in self.filter.clauses if one.name == TEXT and not one.is_negated)
        return next((word for word in words if AN_ID.fullmatch(word)), "")

    @property
    def words(self) -> str:
        """Returns what is looked for in texts, for `?hit=` of a run page."""
        words = [one for one in self.filter.clauses if one.name == TEXT and not one.is_negated]
        return text_of_all(words[:MAX_WORDS])


@lru_cache(maxsize=4096)
def pair_in_address(key: str, value: str) -> str:
    """Writes the clause of a metadata pair. Rows of a list have few different ones."""
    return quote_plus(text_of(Clause(METADATA, value, "=", key)))


@lru_cache(maxsize=4096)
def clauses_in_address(name: str, value: str, key: str) -> tuple[str, str]:
    """Writes the clause of a value and its opposite."""
    clause = Clause(name, value, "=" if key else ":", key)
    return quote_plus(text_of(clause)), quote_plus(text_of(replace(clause, is_negated=True)))


@cache
def rows_address() -> str:
    return reverse("runs_row", args=[0]).removesuffix("0/")


def text_of_all(clauses: list[Clause]) -> str:
    return str(RunFilter(tuple(clauses)))


def refuse_long(text: str) -> None:
    """Raises FilterError: what is cut off would silently be another filter."""
    if len(text) > MAX_FILTER_CHARS:
        limit = f"a filter has at most {MAX_FILTER_CHARS:,} characters, this one {len(text):,}."
        raise FilterError(text[MAX_FILTER_CHARS:], f"From here on it is too long: {limit}", MAX_FILTER_CHARS)


def kept_filter(key: str, subject: Subject) -> RunFilter:
    """Reads a kept filter. Raises FilterError."""
    text = kept_text(key)
    if text is None:
        raise FilterError(key, "This filter is not known here. A long filter is kept where it was typed.")
    return parsed(text, subject)


def run_list_address(query: QueryDict) -> ListAddress:
    """Reads the address and never fails: a filter that cannot be read leaves its error in `error`."""
    return list_address(query, RUNS, sorts=SORTS, usual_sort=NEWEST_FIRST)


def list_address(query: QueryDict, subject: Subject, *, sorts: Collection[str], usual_sort: str) -> ListAddress:
    """Reads the address of a list of any subject, likewise."""
    given = {name: query.get(name, "").strip() for name in FILTER_NAMES}
    text, base, run_filter, error = given["q"], NO_FILTER, RunFilter(subject=subject), None
    try:
        if given["kept"]:
            base = kept_filter(given["kept"], subject)
            less = parsed(given["but"], subject).clauses
            text = f"{text_of_all([one for one in base.clauses if one not in less])} {text}".strip()
        refuse_long(text)
        run_filter = parsed(text, subject)
    except FilterError as refused:
        error = refused
        given = {} if is_long(given["q"]) else given
    limit, sort = query.get("limit", ""), query.get("sort", "")
    return ListAddress(
        text=text,
        given=given,
        base=base,
        filter=run_filter,
        error=error,
        sort=sort if sort.removeprefix("-") in sorts else usual_sort,
        usual_sort=usual_sort,
        limit=int(limit) if limit in {str(one) for one in LIMITS} else DEFAULT_LIMIT,
        cursor=query.get("cursor", ""),
        connection_slug=query.get("connection", ""),
    )
