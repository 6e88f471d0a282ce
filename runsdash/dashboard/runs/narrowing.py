"""Renders links that narrow a list by a value of one of its rows."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.templatetags.shown import DASH, icon
from runsdash.index.models import Run
from runsdash.index.search.listed_runs import ListedRun

from .query import ListAddress


def only_links(query: ListAddress, name: str, value: str, key: str = "") -> SafeString:
    this, others = query.only(name, value, key)
    return markup(
        '<span class="only" aria-hidden="true"><a href="{}" tabindex="-1" title="Only this">=</a>'
        '<a href="{}" tabindex="-1" title="Not this">≠</a></span>',
        this,
        others,
    )


def status_cell(run: Run | ListedRun, query: ListAddress) -> SafeString:
    """Shows how a run stands: the first cell of a row of runs, and of a thread's last run."""
    return markup(
        '<td class="c-state"><span class="status" data-status="{}">{}<span>{}</span></span>{}</td>',
        run.status,
        icon(run.facts.icon),
        run.facts.label,
        only_links(query, "status", run.status),
    )


def label_tags(names: Sequence[str], query: ListAddress) -> SafeString:
    """Shows labels; each narrows the list to its own."""
    tags = [markup('<a class="tag" href="{}">{}</a>', query.only("label", name)[0], visible(name)) for name in names]
    return markup('<span class="tags">{}</span>', SafeString("".join(tags))) if tags else DASH
