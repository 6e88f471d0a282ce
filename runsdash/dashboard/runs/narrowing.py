"""Renders links that narrow a list by a value of one of its rows."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.templatetags.shown import DASH

from .query import RunListQuery


def only_links(query: RunListQuery, name: str, value: str, key: str = "") -> SafeString:
    this, others = query.only(name, value, key)
    return markup(
        '<span class="only" aria-hidden="true"><a href="{}" tabindex="-1" title="Only this">=</a>'
        '<a href="{}" tabindex="-1" title="Not this">≠</a></span>',
        this,
        others,
    )


def label_tags(names: Sequence[str], query: RunListQuery) -> SafeString:
    """Shows labels; each narrows the list to its own."""
    tags = [markup('<a class="tag" href="{}">{}</a>', query.only("label", name)[0], visible(name)) for name in names]
    return markup('<span class="tags">{}</span>', SafeString("".join(tags))) if tags else DASH
