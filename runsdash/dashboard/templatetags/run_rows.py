"""Rows of the run list, each rendered once a minute in a process, however many people look at the same page."""

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.rendering.kept import Kept
from runsdash.dashboard.run_lists import CHANGING
from runsdash.index.models import Run

register = template.Library()
NAME = "runs/_list_row.html"
KEPT_CHARS = 8 * 1024 * 1024  # of rows, a process
kept_rows = Kept(limit_chars=KEPT_CHARS)


@register.simple_tag(takes_context=True)
def list_row(context: Context, run: Run) -> SafeString:
    """A row of the list with what is in the context. Rows with running clocks are never kept."""
    if run.facts.is_active:
        return rendered(context, run)
    return mark_safe(kept_rows.get(*key_of(context, run), render=lambda: rendered(context, run)))


def rendered(context: Context, run: Run) -> SafeString:
    with context.push(run=run):
        return context.template.engine.get_template(NAME).render(context)


def key_of(context: Context, run: Run) -> tuple[str, ...]:
    """All that a row depends on. Ages are in minutes at best, so a minute more makes another row."""
    now, asked = timezone.now(), context["asked"]
    state = [getattr(run, name) for name in CHANGING]
    names = run.assistant_name, getattr(run, "is_ambiguous", False), getattr(run.thread, "is_ambiguous", False)
    page = asked.address_around, asked.words, context["columns"], context["shell"].can_act
    return str(int(now.timestamp()) // 60), timezone.get_current_timezone_name(), repr((state, names)), repr(page)
