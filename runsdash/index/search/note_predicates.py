"""Says what labels and words of notes mean in a filter, of runs and of threads: predicates with index ranges.

Each row of these tables is of a run, or of a thread itself, once; both have partial indexes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from runsdash.index.fulltext.words import words_of
from runsdash.index.notes import label_name

from .index_ranges import NO_INDEX, side_by_side
from .run_query import Predicate
from .sql_pieces import Sql, all_of, any_of
from .subjects import RUNS, THREADS, Subject


class MarkedBy(NamedTuple):
    """Says how labels and words of notes belong to a subject: by which key, with a run or without."""

    key: str
    row: str
    run: str


MARKED_BY = {RUNS: MarkedBy("run_id", "r", "NOT NULL"), THREADS: MarkedBy("thread_id", "t", "NULL")}


def of_label(values: Sequence[str], subject: Subject = RUNS) -> Predicate:
    names = dict.fromkeys(label_name(value) for value in values)
    return of_marks("label", "index_label", [[Sql("{row}.name = %s", (name,))] for name in names], subject)


def of_note(values: Sequence[str], subject: Subject = RUNS) -> Predicate:
    """Takes runs whose notes have all words of one of the values."""
    wanted = [[Sql("{row}.word = %s", (word,)) for word in dict.fromkeys(words_of(value))] for value in values]
    return of_marks("note", "index_noteword", wanted, subject)


def of_marks(name: str, table: str, wanted: Sequence[Sequence[Sql]], subject: Subject) -> Predicate:
    """Takes rows of the subject with all marks of one of `wanted`. Each mark is a row of the subject's own once."""
    own = MARKED_BY[subject]
    conditions = [all_of([marked(table, own, mark) for mark in marks]) for marks in wanted]
    # The longest word is the rarest, as a rule; the others are tested.
    ranges = [mark_of("d", own, max(marks, key=lambda mark: len(str(mark.params[0])))) for marks in wanted]
    index = side_by_side(ranges, table, own.key)
    if index is not NO_INDEX:
        index = replace(index, subject=subject)
    return Predicate(name, any_of(conditions), index, is_exact=all(len(marks) == 1 for marks in wanted))


def marked(table: str, own: MarkedBy, mark: Sql) -> Sql:
    held = mark_of("m", own, mark)
    return Sql(f"EXISTS (SELECT 1 FROM {table} m WHERE m.{own.key} = {own.row}.id AND {held.text})", held.params)


def mark_of(row: str, own: MarkedBy, mark: Sql) -> Sql:
    """Repeats the condition of the partial indexes of marks."""
    return Sql(f"{mark.text.format(row=row)} AND {row}.run_id IS {own.run}", mark.params)
