"""Defines the tags that narrow the thread list by the value of a cell."""

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString

from runsdash.dashboard.runs import narrowing
from runsdash.dashboard.runs.query import RunListQuery

register = template.Library()


@register.simple_tag
def only_this(query: RunListQuery, name: str, value: str, key: str = "") -> SafeString | str:
    """Offers to list only threads with this value, or those without it: `{% only_this query "status" run.status %}`."""
    return narrowing.only_links(query, name, value, key) if value else ""


@register.simple_tag
def label_tags(query: RunListQuery, names: Sequence[str]) -> SafeString | str:
    """Shows the labels of a thread; each narrows the list to its own."""
    return narrowing.label_tags(names, query) if names else ""
