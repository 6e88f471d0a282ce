"""Defines tags that ask whether a server lacks an operation. They run no query."""

from django import template

from runsdash.dashboard.shell.lacks import Lack, lack

from .shown import disabled_if_read_only

register = template.Library()
register.simple_tag(lack, name="lack")


@register.simple_tag
def disabled_if_lacking(found: Lack | None) -> str:
    """Turns a button off where the server takes nothing, or not this; the form says why."""
    return "disabled" if found else disabled_if_read_only()
