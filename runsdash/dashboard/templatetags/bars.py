"""Renders the plot of a chart and rows of the overview's tables by functions: a month has hundreds of marks."""

from collections.abc import Sequence
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.overview.cells import delta, entries_html, groups_html
from runsdash.dashboard.overview.charts import Chart, ChartMark
from runsdash.dashboard.shell.page_types import Context

register = template.Library()
register.simple_tag(delta)
register.simple_tag(groups_html, name="group_rows")
register.simple_tag(entries_html, name="menu_entries")


@register.simple_tag
def plot(chart: Chart) -> SafeString:
    """Renders what is inside a chart's <svg>, across in percent. Each mark is a link that says what it is."""
    found = [
        f'<line x1="0" x2="100%" y1="{one.y}" y2="{one.y}"/><text class="end" x="-8" y="{float(one.y) + 4:.1f}">'
        f"{escape(one.text)}</text>"
        for one in chart.grid
    ]
    found += [
        f'<line class="ln {one.css}" x1="{one.x1}" y1="{one.y1}" x2="{one.x2}" y2="{one.y2}"/>' for one in chart.lines
    ]
    found += map(mark, chart.marks)
    found += [f'<text class="mid" x="{one.x}" y="{one.y}">{escape(one.text)}</text>' for one in chart.texts]
    return mark_safe("".join(found))


def mark(one: ChartMark) -> str:
    label = escape(one.label)
    if one.height:
        shape = f'<rect class="{one.css}" x="{one.x}" y="{one.y}" width="{one.width}" height="{one.height}"/>'
    else:
        shape = f'<circle class="{one.css}" cx="{one.x}" cy="{one.y}" r="4.5"/>'
    return f'<a href="{escape(one.url)}" aria-label="{label}"><title>{label}</title>{shape}</a>'


@register.simple_tag
def chart_rows(rows: Sequence[Context]) -> SafeString:
    """Renders the rows of a chart's table: title, url, runs and cells of each."""
    return mark_safe("".join(chart_row(row) for row in rows))


def chart_row(row: Context) -> str:
    cells = "".join([f'<td class="num">{escape(value)}</td>' for value in row["cells"]])
    link = f'<a href="{escape(row["url"])}" data-figure="period" data-runs="{row["runs"]}">{escape(row["title"])}</a>'
    return f'\n<tr><th scope="row">{link}</th>{cells}</tr>'
