"""Renders rows of the run list, each once a minute in a process, however many people look at it."""

from collections.abc import Sequence

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.rendering.cache import RenderCache
from runsdash.dashboard.runs.cells import Table, row
from runsdash.dashboard.shell.poll_tags import CHANGING
from runsdash.index.models import Run

register = template.Library()
CACHE_CHARS = 8 * 1024 * 1024  # of rows, a process
row_cache = RenderCache(limit_chars=CACHE_CHARS)


@register.simple_tag(takes_context=True)
def list_rows(context: Context, runs: Sequence[Run]) -> SafeString:
    """Renders rows that rows.complete_rows has filled in. Takes columns, query and shell from the context."""
    table = table_of(context)
    return mark_safe("".join(cached_row(run, table) for run in runs))


@register.simple_tag(takes_context=True)
def list_row(context: Context, run: Run) -> SafeString:
    return mark_safe(cached_row(run, table_of(context)))


def table_of(context: Context) -> Table:
    return Table(context["columns"], context["query"], context["shell"].can_act)


def cached_row(run: Run, table: Table) -> str:
    """Returns a row from the cache, unless its clock is running."""
    if run.facts.is_active:
        return row(run, table)
    return row_cache.get(*key_of(run, table), render=lambda: row(run, table))


def key_of(run: Run, table: Table) -> tuple[str, ...]:
    """Returns all that a row depends on. Ages are in minutes at best, so a minute more is another row."""
    state = [getattr(run, name) for name in CHANGING]
    names = run.assistant_name, getattr(run, "is_ambiguous", False), getattr(run.thread, "is_ambiguous", False)
    page = table.query.address_around, table.query.words, table.columns, table.can_act
    minute = int(timezone.now().timestamp()) // 60
    return str(minute), timezone.get_current_timezone_name(), repr((state, names)), repr(page)
