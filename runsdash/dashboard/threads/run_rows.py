"""Renders the runs beside a conversation, a row each. Formats, asks nothing.

Written as text for the reason that `runs/cells.py` gives, and by its rule: what is not our own goes through `markup`.
"""

from collections.abc import Iterable

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.templatetags import shown
from runsdash.index.models import Run

QUESTION_CHARS, CODE_CHARS = 60, 32
ROW = """<li id="run-{}" data-run-id="{}" data-status="{}">
  <span class="status" data-status="{}" title="{}"> {} <span class="sr">{}</span> </span>
  <a href="{}" title="{}"> {} </a>
  <span class="muted small"> {} </span>
  <small> {} <span data-cost>{}</span>, {} tokens, {}, {} </small>
</li>
"""
CODE = '<code title="{}">{}</code>,'


def run_rows_html(runs: Iterable[Run]) -> SafeString:
    return SafeString("".join([run_row(run) for run in runs]))


def run_row(run: Run) -> SafeString:
    """Renders a run whose assistant is named. Root: #run-<key>."""
    code = visible(run.error_code)
    return markup(
        ROW,
        run.pk,
        run.upstream_id,
        run.status,
        run.status,
        run.facts.label,
        shown.drawn(run.facts.icon),
        run.facts.label,
        run_url(run),
        run.upstream_id,
        cut(formats.plain_words(visible(run.question or "")), QUESTION_CHARS) or run.upstream_id,
        shown.elapsed(run.started_at) if run.facts.is_active else formats.duration_text(run.duration_s),
        markup(CODE, code, cut(code, CODE_CHARS)) if code else "",
        formats.cost_text(run.cost),
        formats.count_text(run.total_tokens),
        shown.ago(run.created_at),
        shown.assistant_of(run),
    )
