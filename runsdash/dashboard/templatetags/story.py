"""Defines template tags for what is said: messages, turns and runs of a thread. They format what they are given."""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.message_parts import parts_html
from runsdash.dashboard.threads.run_rows import run_rows_html
from runsdash.dashboard.threads.turns import turns_html
from runsdash.index.models import Message

from .rendered import hit_of, message_url

register = template.Library()
register.simple_tag(turns_html, name="turns")
register.simple_tag(run_rows_html, name="run_rows")


@register.simple_tag(takes_context=True)
def message_parts(context: Context, message: Message, slug: str) -> SafeString:
    """Renders the content of a message, with what the reader looked for marked."""
    return parts_html(message, slug, message_url(context, "message_raw", message.upstream_id), hit_of(context))
