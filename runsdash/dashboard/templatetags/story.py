"""Defines template tags for the conversation of a thread's page. They only format what they are given."""

from django import template
from django.utils.safestring import SafeString

from runsdash.dashboard.shell.links import address, thread_url, with_connection
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.threads.calls import calls_html
from runsdash.index.models import Message, Thread

from .shown import short_id

register = template.Library()
register.simple_tag(calls_html, name="calls_done")


@register.simple_tag
def message_links(thread: Thread, message: Message) -> SafeString:
    """Shows a message's id and what leads to it."""
    return markup(
        '{}\n<a href="{}#message-{}">from here</a>\n<a class="hide-xs" href="{}">raw.json</a>\n'
        '<a class="hide-xs" href="{}">plain text</a>',
        short_id(message.upstream_id),
        thread_url(thread, at=message.upstream_id),
        message.pk,
        with_connection(address("message_raw", message.upstream_id), thread),
        with_connection(address("message_text", message.upstream_id), thread),
    )
