"""Rows of the run list, each written once a minute in a process, however many people look at the same page."""

from collections.abc import Sequence

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.rendering.kept import Kept
from runsdash.dashboard.runs.cells import Table, row
from runsdash.dashboard.runs.rows import CHANGING
from runsdash.index.models import Run

register = template.Library()
KEPT_CHARS = 8 * 1024 * 1024  # of rows, a process
kept_rows = Kept(limit_chars=KEPT_CHARS)


@register.simple_tag(takes_context=True)
def list_rows(context: Context, runs: Sequence[Run]) -> SafeString:
    """Rows of dressed runs, see run_lists.py, with what is in the context: columns, asked, shell."""
    table = table_of(context)
    return mark_safe("".join(kept_row(run, table) for run in runs))


@register.simple_tag(takes_context=True)
def list_row(context: Context, run: Run) -> SafeString:
    return mark_safe(kept_row(run, table_of(context)))


def table_of(context: Context) -> Table:
    return Table(context["columns"], context["asked"], context["shell"].can_act)


def kept_row(run: Run, table: Table) -> str:
    """Rows with running clocks are never kept."""
    if run.facts.is_active:
        return row(run, table)
    return kept_rows.get(*key_of(run, table), render=lambda: row(run, table))


def key_of(run: Run, table: Table) -> tuple[str, ...]:
    """All that a row depends on. Ages are in minutes at best, so a minute more makes another row."""
    state = [getattr(run, name) for name in CHANGING]
    names = run.assistant_name, getattr(run, "is_ambiguous", False), getattr(run.thread, "is_ambiguous", False)
    page = table.asked.address_around, table.asked.words, table.columns, table.can_act
    minute = int(timezone.now().timestamp()) // 60
    return str(minute), timezone.get_current_timezone_name(), repr((state, names)), repr(page)
