"""Names the clauses of the filter language and checks one clause: its name, its operator and its value.

Owns which names there are for which subject, what kind of value each takes and the sentences for what is wrong. What a
clause means stands in `predicates`. Asks no database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from runsdash.index.fulltext.words import words_of
from runsdash.index.run_columns import LISTED, Unit
from runsdash.service.statuses import RunStatus, run_status

from .filter_values import (
    KeyRange,
    checked_moment,
    count_of,
    dollars_of,
    end_of,
    key_range_from,
    key_range_to,
    moment_of,
    seconds_of,
)
from .subjects import RUNS, THREADS, Subject

TEXT = "text"  # the name of what stands without one: words to look for
METADATA, THREAD_METADATA = "metadata", "thread.metadata"
CUSTOMER = "customer"  # the value of the thread's key that its connection names
PAIRS = (METADATA, THREAD_METADATA)  # names that have a key behind them
PARSERS: dict[Unit, Callable[[str], float | None]] = {
    "seconds": seconds_of, "count": count_of, "dollars": dollars_of,
}  # fmt: skip
NUMBERS = {word: column.listed for word, column in LISTED.items() if column.listed}
AMOUNTS = {word: PARSERS[number.unit] for word, number in NUMBERS.items()} | {"runs": count_of}
AMOUNT_EXAMPLES = {word: number.examples for word, number in NUMBERS.items()} | {"runs": ("5", "20")}
MOMENTS = ("created", "active", "since", "until")
SHORT_FOR = {"since": ">=", "until": "<="}  # operators of the moment that a list is by
VALUES = frozenset((*RUNS.values, *THREADS.values))
UNKNOWN = "unknown"  # as the value of an amount: the upstream has not reported it
COMPARISONS = (">", ">=", "<", "<=")
# Of a filter: what both engines take in one statement. Values of one name are one condition.
MAX_CLAUSES, MAX_CONDITIONS = 1000, 200


class FilterError(ValueError):
    """Says why a clause cannot be read. `clause` is the faulty text, `position` where it starts, counted from 0."""

    def __init__(self, clause: str, sentence: str, position: int = 0) -> None:
        super().__init__(sentence)
        self.clause, self.position = clause, position


@dataclass(frozen=True)
class Clause:
    """Holds one condition. `key` is that of metadata; `operator` is `:`, for metadata `=`, or a comparison."""

    name: str
    value: str
    operator: str = ":"
    key: str = ""
    is_negated: bool = False

    @property
    def condition(self) -> "Condition":
        """Returns what is the same for clauses that become one condition: a list of values."""
        if self.name in VALUES or self.name in PAIRS:
            return (self.name, self.key, self.is_negated)
        return (self,)

    @property
    def ends(self) -> tuple[str, str] | None:
        """Returns the two ends of a range such as `10s..2m`; an end may be empty."""
        if self.operator != ":" or ".." not in self.value:
            return None
        low, _, high = self.value.partition("..")
        return low, high

    @property
    def limits(self) -> list[tuple[str, float]]:
        """Returns what an amount is compared with, each as (sign, number). An open end of a range has none."""
        low, high = self.ends or (self.value, self.value)
        signs = ((self.operator, low),) if self.operator in COMPARISONS else ((">=", low), ("<=", high))
        read = AMOUNTS[self.name]
        numbers = [(sign, read(text)) for sign, text in signs]
        return [(sign, number) for sign, number in numbers if number is not None]

    @property
    def key_range(self) -> KeyRange:
        """Returns the span of keys in which a clause on the time of creation holds."""
        low, high = self.ends or (self.value, self.value)
        operator = SHORT_FOR.get(self.name, self.operator)
        if operator == ":":
            return key_range_from(low) & key_range_to(high)
        if operator == "<":
            return KeyRange(high=key_range_from(low).low)
        if operator == "<=":
            return key_range_to(high)
        # Each the opposite of another, so later than a day is after its end.
        return KeyRange(low=key_range_to(high).high) if operator == ">" else key_range_from(low)


Condition: TypeAlias = tuple[str, str, bool] | tuple[Clause]


def problem_with(clause: Clause, subject: Subject = RUNS) -> str:
    """Returns a sentence on what is wrong with a clause on a subject, or ""."""
    name, value = clause.name, clause.value
    if name == TEXT:
        return "" if words_of(value) else f"“{value[:80]}” has no letter or digit to look for."
    if name in PAIRS and clause.operator in COMPARISONS:
        return f"Metadata are texts without an order, so they cannot be compared. Write {name}.KEY=VALUE."
    if name in PAIRS:
        return ""
    if name not in subject.names:
        known = ", ".join(f"{one}:" for one in subject.names)
        return (
            f"“{name[:40]}{clause.operator}” is not known. Known are {known} and "
            "metadata.KEY=, thread.metadata.KEY=. To look for words with such signs, put them in quotes."
        )
    if not value:
        return f"“{name}{clause.operator}” needs a value right behind it."
    if clause.operator in COMPARISONS and (name in VALUES or name in subject.flags):
        return f"“{name}” has no order, so it cannot be compared. Write {name}:{value[:40]}."
    if clause.operator in COMPARISONS and name in SHORT_FOR:
        said = f"“{name}” says itself which way. Write {name}:{value[:40]} or "
        return f"{said}{subject.moments[0]}{clause.operator}{value[:40]}."
    return problem_with_value(clause, subject)


def problem_with_value(clause: Clause, subject: Subject) -> str:
    name, value, flags = clause.name, clause.value[:80], subject.flags
    if name == "status" and not run_status(clause.value).is_known:
        return f"“{value}” is not a status of a run. They are {', '.join(one.value for one in RunStatus)}."
    if name == "note" and not words_of(clause.value):
        return f"“{value}” has no letter or digit to look for."
    if name in flags and clause.value not in flags[name]:
        return f"“{value}” is not known here. Known are {', '.join(f'{name}:{one}' for one in flags[name])}."
    if name in AMOUNTS and not can_be_read(clause, AMOUNTS[name]):
        small, large = AMOUNT_EXAMPLES[name]
        return f"“{value}” is not a number here. Write {name}>{small}, {name}:{small}..{large}."
    if name in MOMENTS and not can_be_read(clause, moment_of):
        example = f"{name}:24h" if name in SHORT_FOR else f"{name}>-7d"
        return f"“{value}” is not a time. Write {example} or {name}:2026-11-23."
    if is_reversed(clause):
        return f"“{value}” ends before it begins. Write the smaller or earlier end first."
    return ""


def can_be_read(clause: Clause, read: Callable[[str], float | datetime | None]) -> bool:
    """Can the value, or each end of its range, be read?"""
    if clause.ends is None:
        is_known_word = clause.name in AMOUNTS and clause.operator == ":" and clause.value == UNKNOWN
        return is_known_word or read(clause.value) is not None
    given = [end for end in clause.ends if end]
    return bool(given) and clause.name not in SHORT_FOR and all(read(end) is not None for end in given)


def is_reversed(clause: Clause) -> bool:
    """Does a range whose ends can be read begin behind its end?"""
    if clause.ends is None or not all(clause.ends):
        return False
    low, high = clause.ends
    if clause.name in MOMENTS:
        return checked_moment(low) > end_of(high, checked_moment(high))
    read = AMOUNTS.get(clause.name)
    return read is not None and (read(low) or 0) > (read(high) or 0)
