"""Defines template tags for hostile text. They take previews and say when one is cut."""

from collections.abc import Mapping, Sequence

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.compare.text_diff import Piece
from runsdash.dashboard.rendering.code import highlighted
from runsdash.dashboard.rendering.files import file_url
from runsdash.dashboard.rendering.hits import marked
from runsdash.dashboard.rendering.images import in_kb
from runsdash.dashboard.rendering.json_tree import json_tree as tree_of
from runsdash.dashboard.rendering.markdown import markdown as marked_up
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.formats import plain_words
from runsdash.dashboard.shell.links import address, with_connection
from runsdash.dashboard.shell.page_types import AsText
from runsdash.index.fulltext.words import SEARCHABLE_CHARS
from runsdash.index.models import Message
from runsdash.service.json_types import Json

register = template.Library()
register.filter(in_kb)


def text_of(preview: Json) -> str:
    """Returns the text of a preview, of a plain string, or ""."""
    text = preview.get("text") if isinstance(preview, dict) else preview
    return text if isinstance(text, str) else ""


def size_of(preview: Json) -> int:
    size = preview.get("size") if isinstance(preview, dict) else None
    return size if isinstance(size, int) else len(text_of(preview))


def hit_of(context: Context) -> str:
    """Returns what the reader of a run page was looking for, see RunPage."""
    return getattr(context.get("run"), "hit", "")


@register.simple_tag(takes_context=True)
def markdown(
    context: Context, preview: Json, annotations: Json = None, connection: str = "", whole: str = ""
) -> SafeString:
    """Renders Markdown with its citations; `whole` links to the uncut object."""
    body = marked_up(text_of(preview), annotations, connection)
    return format_html("{}{}", marked(body, hit_of(context)), cut_note(preview, whole))


@register.simple_tag(takes_context=True)
def code(context: Context, preview: Json, language: str = "", whole: str = "") -> SafeString:
    """Renders a code box, highlighted when `language` is `python` or `json`, or "" and recognised."""
    body = format_html('<pre class="code" tabindex="0">{}</pre>', highlighted(text_of(preview), language))
    return format_html("{}{}", marked(body, hit_of(context)), cut_note(preview, whole))


@register.simple_tag(takes_context=True)
def json_tree(context: Context, preview: Json, whole: str = "") -> SafeString:
    """Renders JSON text as a tree, or as it is when it is not valid JSON."""
    return format_html("{}{}", marked(tree_of(text_of(preview)), hit_of(context)), cut_note(preview, whole))


@register.simple_tag
def text_diff(pieces: Sequence[Piece]) -> SafeString:
    """The pieces of a compared text in a row, without white space of our own: they stand in a <pre>."""
    marks = {"removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    return mark_safe("".join(format_html(marks.get(one.kind, "{}"), visible(one.text)) for one in pieces))


@register.simple_tag
def cut_note(preview: Json, whole: str = "") -> SafeString | str:
    """Says how much of a text is shown when it is cut, and links to the whole."""
    shown, size = len(text_of(preview)), size_of(preview)
    if size <= shown:
        return ""
    link = format_html(' <a href="{}">Download the whole</a>', whole) if whole else ""
    searched = f" Words are found in its first {in_kb(SEARCHABLE_CHARS)}." if size > SEARCHABLE_CHARS else ""
    note = '<p class="hint">Cut: first {} of {} shown.{}{}</p>'
    return format_html(note, in_kb(shown), in_kb(size), searched, link)


@register.filter
def plainly(text: AsText) -> str:
    """Writes out deceiving characters of hostile text, for a place without markup."""
    return visible(str(text))


@register.filter
def in_a_line(text: AsText) -> str:
    """Does the same for a line that stands for a message: without its marks of Markdown."""
    return plain_words(visible(str(text)))


@register.simple_tag
def file_link(file_id: Json, connection: str = "") -> str:
    """Returns the URL of an upstream's file in RunsDash, or "" when the id cannot be one."""
    return file_url(file_id, connection)


@register.simple_tag(takes_context=True)
def message_url(context: Context, name: str, message_id: str) -> str:
    """Links to `message_raw` or `message_text` of a message of the page's `thread`, or of the thread of its `run`."""
    thread = context.get("thread") or context["run"].thread
    return with_connection(address(name, message_id), thread)


@register.simple_tag
def author(message: Message, names: Mapping[str, str]) -> str:
    """Names who wrote a message: the assistant when its name is known, else its role."""
    return visible(names.get(message.assistant_id) or message.role.capitalize() or "Unknown")
