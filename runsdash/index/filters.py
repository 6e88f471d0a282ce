"""The filter language of run lists: clauses like `status:failed model:gpt-4o since:7d`, separated by spaces.

A name may be repeated, which means "or"; different names mean "and". Values with spaces stand in quotes.
It turns text into a RunFilter and back, and a RunFilter into querysets that an index can answer. It runs none.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from runsdash.service.statuses import run_status

from .keys import first_key_of
from .models import Connection, Run, Thread

MAX_COMBINATIONS = 40  # of repeated clauses; each costs a query
CLAUSE = re.compile(r'([a-z_]+):(?:"([^"]*)"|(\S*))|(\S+)')
SPAN = re.compile(r"(\d{1,4})([mhd])")
SPAN_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
COLUMNS = {
    "status": "status",
    "thread": "thread__in",
    "assistant": "assistant_id",
    "model": "model",
    "error": "error_code",
}
# No index holds error codes, so `error:` walks the runs of the statuses that can have one.
STATUSES_WITH_ERRORS = ["failed", "incomplete", "expired"]
MOMENTS = ("since", "until")
NAMES = (*COLUMNS, *MOMENTS)


class FilterError(ValueError):
    """A clause that cannot be understood. `clause` is the faulty text, the message a sentence for people."""

    def __init__(self, clause: str, sentence: str) -> None:
        super().__init__(sentence)
        self.clause = clause


@dataclass(frozen=True)
class RunFilter:
    """What to look for: pairs of (name, value) in the order they were written."""

    clauses: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join(f"{name}:{quoted(value)}" for name, value in self.clauses)

    def __bool__(self) -> bool:
        return bool(self.clauses)

    def values(self, name: str) -> list[str]:
        """The values of one name, without repetitions."""
        return list(dict.fromkeys(value for key, value in self.clauses if key == name))

    def toggled(self, name: str, value: str) -> "RunFilter":
        """With the clause added, or without it when it is there."""
        if (name, value) in self.clauses:
            return RunFilter(tuple(pair for pair in self.clauses if pair != (name, value)))
        return RunFilter((*self.clauses, (name, value)))

    def querysets(self, *, connection: Connection | None = None) -> list[QuerySet[Run]]:
        """One queryset for each combination of repeated values, so that each is answered by one index in order."""
        base = self._bounded(Run.objects.all() if connection is None else Run.objects.filter(connection=connection))
        wanted = {COLUMNS[name]: self.values(name) for name in COLUMNS if self.values(name)}
        if "error_code" in wanted:
            wanted.setdefault("status", STATUSES_WITH_ERRORS)
        if "thread__in" in wanted:
            wanted["thread__in"] = [threads_named(wanted["thread__in"])]
        return [base.filter(**dict(zip(wanted, values, strict=True))) for values in product(*wanted.values())]

    def _bounded(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        """Times become bounds on keys, which grow with created_at."""
        for value in self.values("since"):
            runs = runs.filter(pk__gte=first_key_of(moment_of(value)))
        for value in self.values("until"):
            runs = runs.filter(pk__lt=first_key_of(moment_of(value)))
        return runs


def threads_named(ids: list[str]) -> QuerySet[Thread]:
    """With the connections spelled out, since upstream ids are only indexed together with one."""
    return Thread.objects.filter(connection__in=Connection.objects.values("pk"), upstream_id__in=ids).values("pk")


def quoted(value: str) -> str:
    return f'"{value}"' if not value or re.search(r"\s", value) else value


def parsed(text: str) -> RunFilter:
    """The filter that `text` describes. Raises FilterError that names the clause it cannot read."""
    clauses = []
    for match in CLAUSE.finditer(text):
        name, in_quotes, plain, stray = match.groups()
        value = in_quotes if in_quotes is not None else plain
        if stray is not None:
            raise FilterError(stray, f"“{stray[:80]}” is not a clause. Write name:value, for example status:failed.")
        check(name, value)
        clauses.append((name, value))
    found = RunFilter(tuple(dict.fromkeys(clauses)))
    combinations = 1
    for name in COLUMNS:
        combinations *= len(found.values(name)) or 1
    if combinations > MAX_COMBINATIONS:
        raise FilterError(text, f"These clauses make {combinations} combinations; at most {MAX_COMBINATIONS} work.")
    return found


def check(name: str, value: str) -> None:
    clause = f"{name}:{value}"
    if name not in NAMES:
        raise FilterError(clause, f"“{name}:” is not known. Known are {', '.join(f'{one}:' for one in NAMES)}.")
    if not value:
        raise FilterError(clause, f"“{name}:” needs a value right behind the colon.")
    if name == "status" and not run_status(value).is_known:
        raise FilterError(clause, f"“{value[:80]}” is not a status of a run.")
    if name in MOMENTS and moment_of(value) is None:
        raise FilterError(clause, f"“{value[:80]}” is not a time. Write {name}:24h, {name}:7d or {name}:2026-11-23.")


def moment_of(value: str) -> datetime | None:
    """`24h` and `7d` count back from now; a date or time without a zone is read in the reader's zone."""
    span = SPAN.fullmatch(value)
    if span:
        return timezone.now() - timedelta(**{SPAN_UNITS[span[2]]: int(span[1])})
    try:
        moment = parse_datetime(value) if len(value) > 10 else None
        day = parse_date(value) if moment is None else None
    except ValueError:
        return None
    if day is not None:
        moment = datetime(day.year, day.month, day.day)
    if moment is None:
        return None
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return max(aware, datetime(1970, 1, 2, tzinfo=UTC))
