"""Renders a row of the run list: a function a column. Formats, asks nothing.

Written as text because a page has up to a hundred rows and a template takes several times as long for each. Everything
that comes from upstream goes through `markup`, which escapes; nothing here is marked safe by hand but our own patterns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.templatetags import shown
from runsdash.dashboard.templatetags.shown import cut
from runsdash.index.models import Run
from runsdash.index.run_columns import LISTED, RunColumn

from .columns import NAMES
from .query import RunListQuery

NOTHING = SafeString("")
WRITERS = {"seconds": formats.duration_text, "count": formats.count_text, "dollars": formats.cost_text}
ROW = '<tr id="run-{}" data-run-id="{}" data-status="{}">{}' + "\n  {}" * (2 + len(NAMES)) + "\n</tr>\n"


@dataclass(frozen=True)
class Table:
    """Holds what the rows of a page have in common. `can_act`: rows can be selected."""

    columns: Sequence[str]
    query: RunListQuery
    can_act: bool


def row(run: Run, table: Table) -> SafeString:
    """Renders a run that rows.complete_rows has filled in. Root: #run-<key>."""
    name = escaped(formats.short_id_text(run.upstream_id))
    cells = [status(run, table, name), title(run, table)]
    cells += [CELLS[column](run, table) if column in table.columns else NOTHING for column in NAMES]
    return markup(ROW, run.pk, run.upstream_id, run.status, pick(run, name) if table.can_act else NOTHING, *cells)


# Always there


def pick(run: Run, name: SafeString) -> SafeString:
    return markup(
        '<td class="p1 pick"><input class="rowcheck" type="checkbox" name="run" value="{}" form="bulk-select" '
        'aria-label="Select {}"></td>',
        run.pk,
        name,
    )


def status(run: Run, table: Table, name: SafeString) -> SafeString:
    """Adds time left and functions of a run that waits, or why it ended, where no column says so."""
    facts, note = run.facts, NOTHING
    if facts.is_waiting:
        left = shown.countdown(run.expires_at, label=name) if run.expires_at else NOTHING
        calls = formats.pending_names_text(run.pending_calls) if run.waits_for else ""
        note = markup('<span class="note">{} <code title="{}">{}</code></span>', left, calls, visible(cut(calls, 24)))
    elif run.error_code and "error" not in table.columns:
        note = markup('<span class="note" title="{}">{}</span>', run.error_code, cut(run.error_code, 24))
    return markup("<td>{}{}</td>", shown.status(facts), note)


def title(run: Run, table: Table) -> SafeString:
    return markup(
        '<th scope="row">{}<span class="sub only-narrow">{} · {}</span></th>',
        shown.run_link(run, hit=table.query.words),
        run.assistant_name or run.model,
        shown.ago(run.created_at),
    )


# Columns


def thread(run: Run, table: Table) -> SafeString:
    return markup('<td class="p2">{}</td>', shown.thread_link(run.thread))


def assistant(run: Run, table: Table) -> SafeString:
    return markup('<td class="p2">{}</td>', shown.assistant_of(run))


def model(run: Run, table: Table) -> SafeString:
    return markup('<td class="p3 dim">{}</td>', cut(run.model or formats.UNKNOWN, 28))


def started(run: Run, table: Table) -> SafeString:
    if run.started_at:
        return markup('<td class="p2">{}</td>', shown.ago(run.started_at))
    return markup(
        '<td class="p2"><span class="dim" title="not started yet">created {}</span></td>', shown.ago(run.created_at)
    )


def created(run: Run, table: Table) -> SafeString:
    return markup('<td class="p2">{}</td>', shown.ago(run.created_at))


def ended(run: Run, table: Table) -> SafeString:
    return markup('<td class="p3">{}</td>', shown.ago(run.ended_at))


def number(run: Run, table: Table, column: RunColumn) -> SafeString:
    of = column.listed
    return markup('<td class="num {}">{}</td>', of.width, WRITERS[of.unit](getattr(run, column.name)))


def duration(run: Run, table: Table) -> SafeString:
    taken = shown.elapsed(run.started_at) if run.facts.is_active else formats.duration_text(run.duration_s)
    return markup('<td class="num p1">{}</td>', taken)


def steps(run: Run, table: Table) -> SafeString:
    is_known = run.step_count or run.has_all_steps
    return markup('<td class="num p3">{}</td>', run.step_count if is_known else formats.UNKNOWN)


def error(run: Run, table: Table) -> SafeString:
    return markup('<td class="p3">{}</td>', cut(run.error_code or formats.UNKNOWN, 28))


def connection(run: Run, table: Table) -> SafeString:
    return markup('<td class="p3 dim">{}</td>', run.connection.slug)


def metadata(run: Run, table: Table) -> SafeString:
    return markup('<td class="p3 grow">{}</td>', shown.metadata_tags(run.metadata, query=table.query))


CELLS: dict[str, Callable[[Run, Table], SafeString]] = {
    **{word: partial(number, column=column) for word, column in LISTED.items()},
    "thread": thread, "assistant": assistant, "model": model, "started": started, "created": created, "ended": ended,
    "duration": duration, "steps": steps, "error": error, "connection": connection, "metadata": metadata,
}  # fmt: skip
