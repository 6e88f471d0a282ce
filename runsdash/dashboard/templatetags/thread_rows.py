"""Defines the tag that narrows the thread list by the value of a cell."""

from django import template
from django.utils.safestring import SafeString

from runsdash.dashboard.runs.cells import only_links
from runsdash.dashboard.runs.query import RunListQuery

register = template.Library()


@register.simple_tag
def only_this(query: RunListQuery, name: str, value: str, key: str = "") -> SafeString | str:
    """Offers to list only threads with this value, or those without it: `{% only_this query "status" run.status %}`."""
    return only_links(query, name, value, key) if value else ""
