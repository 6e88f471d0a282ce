"""Renders bars of a chart and its table's rows by functions: a month has thirty of each, twice."""

from collections.abc import Mapping, Sequence

from django import template
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.overview.charts import Chart, ChartBar
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.markup import markup

register = template.Library()
NOTHING = SafeString("")


@register.simple_tag
def bars(chart: Chart) -> SafeString:
    """Renders bars for an <svg>, across in percent."""
    return mark_safe("".join(bar(one) for one in chart.bars))


def bar(one: ChartBar) -> SafeString:
    parts = [
        markup(
            '<rect class="{}" x="{}" width="{}" y="{}" height="{}"/>',
            part.series,
            one.x,
            one.width,
            part.y,
            part.height,
        )
        for part in one.parts
    ]
    return markup(
        "\n      <g><title>{}</title>{}{}{}</g>",
        one.title,
        mark_safe("".join(parts)),
        label(one.middle, one.top_y, one.top),
        label(one.middle, "184", one.name),
    )


def label(x: str, y: str, words: str) -> SafeString:
    return markup('<text x="{}" y="{}" text-anchor="middle">{}</text>', x, y, words) if words else NOTHING


@register.simple_tag
def period_rows(rows: Sequence[Mapping[str, object]]) -> SafeString:
    """Renders rows as OverviewUsage.table_row makes them."""
    return mark_safe("".join(period_row(row) for row in rows))


def period_row(row: Mapping[str, object]) -> SafeString:
    values = [markup('<td class="num p1">{}</td>', value) for value in row["values"]]
    return markup(
        '\n    <tr><th scope="row">{}</th>{}<td class="num">{}</td>'
        '<td class="num"><a href="{}" data-figure="period">{}</a></td></tr>',
        row["title"],
        mark_safe("".join(values)),
        row["total"],
        row["url"],
        formats.count_text(row["runs"]),
    )
