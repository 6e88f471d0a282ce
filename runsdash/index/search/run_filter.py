"""Owns the filter of a list: clauses like `status:failed created>-7d "free text"`, separated by spaces.

- `name:value`; `-` before it negates; a name repeated with `:` means "or", all else means "and".
- `duration>10s`, `tokens:1k..5k`, `created:2026-11-01..2026-11-07`: comparisons and ranges, units s m h d w, k M.
- `metadata.KEY=VALUE`; words and "words in quotes" are looked for in texts.
A value in quotes may hold anything; `\\"` stands for a quotation mark. Text in, clauses out and back; asks no database.
What a clause means stands in `predicates`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .filter_grammar import clauses_of, text_of
from .filter_names import METADATA, MOMENTS, TEXT, THREAD_METADATA, Clause, FilterError
from .subjects import RUNS, THREADS, Subject

__all__ = [
    "METADATA", "MOMENTS", "RUNS", "TEXT", "THREADS", "THREAD_METADATA", "Clause", "FilterError", "RunFilter", "parsed",
    "text_of",
]  # fmt: skip


@dataclass(frozen=True)
class RunFilter:
    """Holds the clauses of a filter in the order they were written, and what they are about."""

    clauses: tuple[Clause, ...] = ()
    subject: Subject = RUNS

    def __str__(self) -> str:
        return " ".join(text_of(clause) for clause in self.clauses)

    def __bool__(self) -> bool:
        return bool(self.clauses)

    def values(self, name: str, *, negated: bool = False) -> list[str]:
        """Returns the values of one name, without repetitions."""
        return list(dict.fromkeys(one.value for one in self.clauses if one.name == name and one.is_negated == negated))

    def of(self, clauses: Iterable[Clause]) -> "RunFilter":
        """Returns a filter of other clauses on the same subject."""
        return replace(self, clauses=tuple(clauses))

    def with_clause(self, clause: Clause) -> "RunFilter":
        return self if clause in self.clauses else self.of((*self.clauses, clause))

    def without(self, clause: Clause) -> "RunFilter":
        return self.of(one for one in self.clauses if one != clause)

    def without_name(self, name: str) -> "RunFilter":
        return self.of(one for one in self.clauses if one.name != name)

    def toggled(self, name: str, value: str, *, negated: bool = False) -> "RunFilter":
        """Adds the clause, or takes it away when it is there. Its opposite goes."""
        clause = Clause(name, value, is_negated=negated)
        if clause in self.clauses:
            return self.without(clause)
        return self.without(Clause(name, value, is_negated=not negated)).with_clause(clause)


def parsed(text: str, subject: Subject = RUNS) -> RunFilter:
    """Reads the filter that `text` describes. Raises FilterError, which names the faulty clause and its position."""
    return RunFilter(tuple(clauses_of(text, subject)), subject)
