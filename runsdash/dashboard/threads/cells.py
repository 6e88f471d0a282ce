"""Renders a row of the thread list: a function a column. Formats, asks nothing.

Written as text for the reason that `runs/cells.py` gives, and by its rule: what is not our own goes through `markup`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString

from runsdash.dashboard.runs.narrowing import SharedCells, label_tags, short_name
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.links import thread_url
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.templatetags import shown
from runsdash.index.models import Thread

from .query import BY_ADDITION
from .rows import ThreadRow

NOTHING = SafeString("")
QUESTION_CHARS, OUTCOME_CHARS = 140, 140
TAGS_SHOWN = 2


@dataclass(frozen=True)
class ThreadTable(SharedCells):
    """Holds what the rows of a page have in common. `names_customers`: a column for them, not for metadata."""

    names_customers: bool


def rows_html(rows: Iterable[ThreadRow], table: ThreadTable) -> SafeString:
    return SafeString("".join(row_html(row, table) for row in rows))


def row_html(row: ThreadRow, table: ThreadTable) -> SafeString:
    """Renders a row. Root: #thread-<key>."""
    thread, run = row.thread, row.last_run
    status = markup(' data-status="{}"', run.status) if run else NOTHING
    tone = markup(' data-status="{}"', row.tone) if row.tone else NOTHING
    said = cut(row.outcome, OUTCOME_CHARS)
    active = shown.ago(thread.last_run_at)
    parts = [
        markup('<tr id="thread-{}" data-thread-id="{}"{}>', thread.pk, thread.upstream_id, status),
        table.status(run) if run else table.cell("c-state", shown.DASH),
        question(row, table, markup('<span class="out"{}>{}</span>', tone, said), active),
        markup('<td class="p1"><span class="out" title="{}"{}>{}</span></td>', row.outcome, tone, said),
        table.customer(row.customer, "c-who p2") if table.names_customers else metadata(thread, table),
        table.assistant(run, "c-asst p3") if run else table.cell("c-asst p3", shown.DASH),
        markup('<td class="num c-runs p2">{}</td>', thread.run_count),
        markup('<td class="num c-n p4">{}</td>', formats.count_text(thread.total_tokens)),
        markup('<td class="num c-usd p3">{}</td>', formats.cost_text(thread.cost)),
        markup('<td class="c-when p1">{}</td>', added(thread) if table.query.sort == BY_ADDITION else active),
    ]
    return SafeString(f"{''.join(parts)}</tr>\n")


def question(row: ThreadRow, table: ThreadTable, outcome: SafeString, active: SafeString) -> SafeString:
    """Links to the thread by what was asked first, else by its id. Has the whole row for a phone."""
    thread, asked = row.thread, row.thread.first_question
    words = cut(formats.plain_words(asked or ""), QUESTION_CHARS)
    name = words or markup("<code>{}</code>", formats.short_id_text(thread.upstream_id))
    who = [row.customer, row.last_run.assistant_name if row.last_run else ""]
    runs = f"{thread.run_count} run{'' if thread.run_count == 1 else 's'}"
    facts = [short_name(name) for name in who if name] + [active, escaped(runs)]
    return markup(
        '<th scope="row" class="c-q q"><a href="{}" title="{}">{}</a>{}{} '
        '<span class="lines">{}<span class="facts">{}</span></span></th>',
        thread_url(thread),
        asked or thread.upstream_id,
        name,
        SafeString(' <span class="note">gone upstream</span>' if thread.is_gone else ""),
        markup(" {}", label_tags(row.labels, table.query)) if row.labels else NOTHING,
        outcome,
        SafeString(" · ".join(facts)),
    )


def metadata(thread: Thread, table: ThreadTable) -> SafeString:
    tags = shown.metadata_tags(thread.metadata, limit=TAGS_SHOWN, query=table.query)
    return markup('<td class="c-tags p2">{}</td>', tags)


def added(thread: Thread) -> SafeString:
    by = markup(' <span class="note">by {}</span>', thread.added_by) if thread.added_by else NOTHING
    return markup("added {}{}", shown.ago(thread.added_at), by)
