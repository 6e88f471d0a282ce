"""Offers spans of time to a list: hours and days by name, and any two days. Asks nothing."""

from dataclasses import dataclass

from django.http import QueryDict

from runsdash.index.search.filter_values import is_day
from runsdash.index.search.run_filter import MOMENTS, Clause, RunFilter

from .query import ListAddress

SPANS = {
    "Last hour": (">", "-1h"),
    "Last 24 hours": (">", "-24h"),
    "Today": (":", "today"),
    "Yesterday": (":", "yesterday"),
    "Last 7 days": (">", "-7d"),
    "Last week": (":", "last-week"),
    "Last 30 days": (">", "-30d"),
}
ANY_TIME = "Any time"


@dataclass(frozen=True)
class TimeMenu:
    """Offers spans: (label, address, is it chosen?). `label` says what is chosen, `is_set` whether anything is.

    `first` and `last` are the days of a range that is chosen.
    """

    label: str
    entries: list[tuple[str, str, bool]]
    is_set: bool
    first: str = ""
    last: str = ""
    of: str = "Created"  # what the list is by, as a word


def time_menu(query: ListAddress) -> TimeMenu:
    """Puts one clause in place of all that the filter says of time."""
    others = without_time(query)
    said = [one for one in query.filter.clauses if one.name in MOMENTS]
    start, end = query.ends_around(others)
    name = query.filter.subject.moments[0]
    clauses = {label: Clause(name, value, operator) for label, (operator, value) in SPANS.items()}
    entries = [(label, f"{start}{query.in_address(one)}{end}", said == [one]) for label, one in clauses.items()]
    first, last = days_said(said)
    label = next((label for label, _, is_chosen in entries if is_chosen), time_text(said, first, last))
    return TimeMenu(
        label, [*entries, (ANY_TIME, query.filtered(others), not said)], bool(said), first, last, name.title()
    )


def without_time(query: ListAddress) -> RunFilter:
    return query.filter.of(one for one in query.filter.clauses if one.name not in MOMENTS)


def days_said(said: list[Clause]) -> tuple[str, str]:
    """Returns the two days of the only clause on time, where it is a range of days. An open end is ""."""
    ends = said[0].ends or (said[0].value, said[0].value) if len(said) == 1 else ("", "")
    is_range = all(len(end) == 10 and is_day(end) for end in ends if end) and said and said[0].operator == ":"
    return ends if is_range else ("", "")


def time_text(said: list[Clause], first: str, last: str) -> str:
    """Writes what the filter says of time, when no entry of the menu does."""
    if not said:
        return ANY_TIME
    if first == last and first:
        return first
    return f"{first or '…'} to {last or '…'}" if first or last else "As in the filter"


def asked_days(form: QueryDict, name: str = "created") -> Clause | None:
    """Reads the two days of the menu's form as a clause on `name`; None where neither is a day."""
    first, last = (one if is_day(one) else "" for one in (form.get("from", ""), form.get("to", "")))
    if not first and not last:
        return None
    if first and last and first > last:
        first, last = last, first
    return Clause(name, first if first == last else f"{first}..{last}")
