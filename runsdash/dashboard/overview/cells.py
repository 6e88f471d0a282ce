"""Renders rows of the table of groups, and entries of the menus that narrow: a page has dozens of each.

Written as text for the reason that `runs/cells.py` gives, and by its rule: what is not our own goes through `markup`.
"""

from collections.abc import Iterable

from django.utils.safestring import SafeString

from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.markup import markup

from .changes import Change
from .facets import FacetValue
from .groups import GroupRow

NAME_CHARS, VALUE_CHARS = 48, 40
CURRENT, NOTHING = SafeString(' aria-current="true"'), SafeString("")
NO_COST = SafeString('<td class="num dim" title="no cost known">—</td>')
GROUP = """<tr>
<th scope="row">{}</th>
<td class="num">{}{}</td>
<td class="num">{}{}</td>
{}
<td class="num p2">{}{}</td>
<td class="num p2">{}</td>
<td class="num p1">{}{}</td>
<td class="p3"><svg class="spark" height="14" aria-hidden="true">
<rect class="bg" y="4" width="100%" height="6" rx="2"/><rect y="4" width="{}" height="6" rx="2"/>
</svg></td>
</tr>
"""
ENTRY = """<div class="pair">
<a href="{}"{}><span>{}</span> <small>{}</small></a>
<a class="out" href="{}" aria-label="Not {}"{}>not</a>
</div>
"""


def groups_html(rows: Iterable[GroupRow]) -> SafeString:
    return SafeString("".join(map(group, rows)))


def group(row: GroupRow) -> SafeString:
    sums, words = row.sums, cut(row.name, NAME_CHARS)
    title = markup(' title="{}"', row.title) if row.title else NOTHING
    name = markup('<a href="{}"{}>{}</a>', row.narrowed, title, words)
    count = markup('<a href="{}" data-figure="group" data-runs="{}">{}</a>', row.url, sums.runs, f"{sums.runs:,}")
    return markup(
        GROUP,
        name if row.narrowed else markup('<span class="dim">{}</span>', words),
        count if row.url else f"{sums.runs:,}",
        delta(row.runs),
        row.bad_share,
        delta(row.bad),
        cost(row) if row.has_cost else NO_COST,
        formats.short_count_text(sums.total_tokens),
        delta(row.tokens),
        formats.duration_text(sums.p50),
        formats.duration_text(sums.p95),
        delta(row.p95),
        row.share,
    )


def cost(row: GroupRow) -> SafeString:
    unpriced = row.sums.unpriced_runs
    title = markup(' title="no cost known of {} of the runs"', f"{unpriced:,}") if unpriced else NOTHING
    return markup('<td class="num"{}>{}{}</td>', title, formats.costs_text(row.sums.cost), delta(row.cost))


def delta(change: Change) -> SafeString:
    """Renders a change beside its figure; nothing where nothing can be said."""
    if not change.text:
        return NOTHING
    tone = markup(' data-tone="{}"', change.tone) if change.tone else NOTHING
    return markup(' <small class="delta"{}>{}</small>', tone, change.text)


def entries_html(entries: Iterable[FacetValue]) -> SafeString:
    return SafeString("".join(map(entry, entries)))


def entry(one: FacetValue) -> SafeString:
    return markup(
        ENTRY,
        one.include,
        CURRENT if one.is_included else NOTHING,
        cut(one.name, VALUE_CHARS),
        f"{one.runs:,}",
        one.exclude,
        one.name,
        CURRENT if one.is_excluded else NOTHING,
    )
