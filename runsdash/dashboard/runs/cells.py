"""Renders a row of the run list: a function a column. Formats, asks nothing.

Written as text because a page has up to a hundred rows and a template takes several times as long for each. Everything
that comes from upstream goes through `markup`, which escapes; nothing here is marked safe by hand but our own patterns.
"""

import secrets
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from time import time
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.shell.page_types import TagPart
from runsdash.dashboard.templatetags import shown
from runsdash.index import run_states
from runsdash.index.run_columns import LISTED
from runsdash.index.search.filter_names import CUSTOMER
from runsdash.index.search.listed_runs import ListedRun
from runsdash.index.search.run_filter import METADATA

from .columns import Column
from .narrowing import SharedCells, label_tags, short_name
from .outcomes import outcome_text

NOTHING = SafeString("")
# Stand in a kept row for what clocks that run say; no text of an upstream knows them.
TOOK, LEFT = (SafeString(f"{name}-{secrets.token_hex(8)}") for name in ("took", "left"))
MOST_KEPT = 2_000  # rows of a process, about 2 KB each
TONED = {run_states.WAITING, *run_states.NOT_COMPLETED}  # their outcomes are in the colour of the status
AGED = {"started", "ended"}  # columns that show an age beside that of the creation
QUESTION_CHARS, OUTCOME_CHARS = 140, 140
WRITERS = {"seconds": formats.duration_text, "count": formats.count_text, "dollars": formats.cost_text}


@dataclass(frozen=True)
class Table(SharedCells):
    """Holds what the rows of a page have in common. `can_act`: rows can be selected."""

    columns: Sequence[Column]
    can_act: bool
    every_column: Sequence[Column] = ()
    limits: Sequence[int] = ()  # of rows a page

    @cached_property
    def state(self) -> tuple[TagPart, ...]:
        """Returns all that its rows depend on beside their run and its age."""
        names = tuple(column.name for column in self.columns)
        minute = int(time()) // 60 if AGED.intersection(names) else 0
        query = self.query
        return minute, get_current_timezone_name(), query.address_around, query.own_address, names, self.can_act


@dataclass(frozen=True)
class Words:
    """Holds the texts of a row that several cells show."""

    name: SafeString
    outcome: SafeString
    has_outcome: bool
    customer: SafeString
    assistant: SafeString
    created: SafeString
    took: SafeString


_kept: dict[tuple[Hashable, ...], SafeString] = {}


def rows_html(runs: Iterable[ListedRun], table: Table) -> SafeString:
    now = timezone.now()
    return SafeString("".join([kept_row(run, table, now) for run in runs]))


def kept_row(run: ListedRun, table: Table, now: datetime) -> SafeString:
    """Returns a row as it was made before, its clocks as of now: a list is looked at again and again."""
    age = formats.age_text(run.created_at, now=now, may_come=False)
    marks = run.is_ambiguous, run.thread.is_ambiguous, run.shares_assistant
    key = table.state, run.values, run.labels, age, run.connection.slug, marks
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        found = _kept[key] = row(run, table)
    return with_clocks(found, run, now) if run.facts.is_active else found


def with_clocks(row: SafeString, run: ListedRun, now: datetime) -> SafeString:
    """Writes how long an active run takes so far, and how long one that waits has left."""
    text: str = row
    if run.started_at:
        text = text.replace(TOOK, formats.duration_text((now - run.started_at).total_seconds()))
    if LEFT in text:
        text = text.replace(LEFT, shown.countdown(run.expires_at, label=formats.short_id_text(run.upstream_id)))
    return SafeString(text)


def row(run: ListedRun, table: Table) -> SafeString:
    """Renders a run, with slots for clocks that run. Root: #run-<key>."""
    words = words_of(run)
    cells = [pick(run, words) if table.can_act else NOTHING, table.status(run), question(run, table, words)]
    cells += [CELLS[column.name](run, table, words, column) for column in table.columns]
    head = markup('<tr id="run-{}" data-run-id="{}" data-status="{}">', run.id, run.upstream_id, run.status)
    return SafeString(f"{head}{''.join(cells)}{menu(run, table, words)}</tr>\n")


def words_of(run: ListedRun) -> Words:
    running, text = run.facts.is_active, visible(outcome_text(run))
    return Words(
        name=escaped(formats.short_id_text(run.upstream_id)),
        outcome=outcome(run, text),
        has_outcome=bool(text),
        customer=short_name(run.customer) if run.customer else NOTHING,
        assistant=short_name(run.assistant_name or formats.short_id_text(run.assistant_id)),
        created=shown.ago(run.created_at),
        took=shown.elapsed(run.started_at, words=TOOK) if running else escaped(formats.duration_text(run.duration_s)),
    )


# Always there


def pick(run: ListedRun, words: Words) -> SafeString:
    return markup(
        '<td class="c-pick"><input class="rowcheck" type="checkbox" name="run" value="{}" form="bulk-select" '
        'aria-label="Select {}"></td>',
        run.id,
        words.name,
    )


def question(run: ListedRun, table: Table, words: Words) -> SafeString:
    """Links to the run by what was asked; by its id, where no question is known. Has the whole row for a phone."""
    asked = visible(run.question)
    said = escaped(cut(formats.plain_words(asked), QUESTION_CHARS))
    name = said or markup('<span class="dim">Run {}</span>', words.name)
    facts = [one for one in (words.customer, words.assistant, words.created, words.took) if one]
    return markup(
        '<th scope="row" class="c-q q"><a href="{}" title="{}">{}</a>'
        '<span class="lines">{}<span class="facts">{}</span></span></th>',
        run_url(run, hit=table.query.words),
        asked or run.upstream_id,
        name,
        words.outcome if words.has_outcome else NOTHING,
        SafeString(" · ".join(facts)),
    )


def outcome(run: ListedRun, text: str) -> SafeString:
    """Shows why there is no reply in the colour of the status. How long a run still waits stands before it."""
    if not text:
        return markup('<span class="out dim">{}</span>', formats.UNKNOWN)
    left, tone = NOTHING, NOTHING
    if run.facts.is_waiting and run.expires_at:
        left = SafeString(f"{LEFT} ")
    if run.status in TONED:
        tone = markup(' data-status="{}"', run.status)
    return markup('<span class="out"{} title="{}">{}{}</span>', tone, text, left, cut(text, OUTCOME_CHARS))


def menu(run: ListedRun, table: Table, words: Words) -> SafeString:
    """Links to what can be done with a row, for keys and touch: a page, or a menu where scripts run."""
    return markup(
        '<td class="c-act p1"><a class="btn sq ghost" href="{}" data-row-menu aria-haspopup="true" '
        'aria-label="Filter by a value of run {}">{}</a></td>',
        table.query.row_address(run.id),
        words.name,
        shown.icon("more"),
    )


# Columns


def shown_outcome(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, words.outcome, "error", run.error_code)


def customer(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.customer(run.customer or "", column.classes)


def assistant(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.assistant(run, column.classes)


def run_id(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, shown.short_id(run.upstream_id))


def thread(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, shown.thread_link(run.thread), "thread", run.thread.upstream_id)


def model(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    cell = partial(table.cell, column.classes, cut(run.model or formats.UNKNOWN, 28), "model", run.model)
    return table.once(("model", run.model), cell)


def created(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, words.created)


def started(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, shown.ago(run.started_at))


def ended(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, shown.ago(run.ended_at))


def number(
    run: ListedRun, table: Table, words: Words, column: Column, name: str, write: Callable[[Any], str]
) -> SafeString:
    return table.cell(column.classes, write(getattr(run, name)))


def duration(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, words.took)


def steps(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    is_known = run.step_count or run.has_all_steps
    return table.cell(column.classes, run.step_count if is_known else formats.UNKNOWN)


def error(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, cut(run.error_code or formats.UNKNOWN, 28), "error", run.error_code)


def connection(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, run.connection.slug, "connection", run.connection.slug)


def labels(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    return table.cell(column.classes, label_tags(run.labels, table.query))


def metadata(run: ListedRun, table: Table, words: Words, column: Column) -> SafeString:
    pairs = run.metadata if run.metadata_text != "{}" else {}
    return table.cell(column.classes, shown.metadata_tags(pairs, query=table.query))


CELLS: dict[str, Callable[[ListedRun, Table, Words, Column], SafeString]] = {
    **{
        word: partial(number, name=one.name, write=WRITERS[one.listed.unit])
        for word, one in LISTED.items()
        if one.listed
    },
    "outcome": shown_outcome, "customer": customer, "assistant": assistant, "created": created, "duration": duration,
    "run": run_id, "thread": thread, "model": model, "started": started, "ended": ended, "steps": steps,
    "error": error, "connection": connection, "labels": labels, "metadata": metadata,
}  # fmt: skip


def filters_of(run: ListedRun, table: Table) -> list[tuple[str, str, str, str]]:
    """Lists what a row can be filtered by, for its menu: (label, value, only this, not this)."""
    named = [
        ("Status", run.facts.label, "status", run.status, ""),
        ("Customer", run.customer or "", CUSTOMER, run.customer or "", ""),
        ("Assistant", run.assistant_name or run.assistant_id, "assistant", run.assistant_id, ""),
        ("Model", run.model, "model", run.model, ""),
        ("Error", run.error_code, "error", run.error_code, ""),
        ("Thread", formats.short_id_text(run.thread.upstream_id), "thread", run.thread.upstream_id, ""),
        *((key, str(value), METADATA, str(value), key) for key, value in sorted(run.metadata.items())),
    ]
    return [(label, text, *table.query.only(name, value, key)) for label, text, name, value, key in named if value]
