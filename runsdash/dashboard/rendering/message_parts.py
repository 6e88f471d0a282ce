"""Renders the content of a message: its parts, its attachments, and why it is not whole.

Written as text for the reason that `runs/cells.py` gives, and by its rule: what is not our own goes through `markup`.
"""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.citations import is_web_url
from runsdash.dashboard.rendering.files import file_url
from runsdash.dashboard.rendering.hits import marked
from runsdash.dashboard.rendering.images import inline_image
from runsdash.dashboard.rendering.json_tree import json_tree
from runsdash.dashboard.rendering.markdown import markdown
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.formats import short_id_text
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.templatetags.rendered import cut_note, text_of
from runsdash.dashboard.templatetags.shown import drawn
from runsdash.index.models import Message
from runsdash.service.json_types import Json, JsonObject
from runsdash.service.statuses import MessageStatus

SHOWN_URL_CHARS = 160
IMAGE = """<figure class="shot">
  <a href="{}"><img src="{}" alt="Image {}" loading="lazy" data-image></a>
</figure>
"""
NO_IMAGE = SafeString('<p class="muted">An image without a usable id.</p>\n')
BEING_WRITTEN = SafeString('<p class="muted">Being written…</p>\n')
EMPTY = SafeString('<p class="muted">An empty message.</p>\n')


def parts_html(message: Message, slug: str, whole: str, hit: str = "") -> SafeString:
    """Renders it; `slug`: of its connection, `whole`: the address of the uncut message, `hit`: what to mark."""
    pieces = [part_html(part, slug, whole, hit) for part in message.parts]
    pieces = pieces or [BEING_WRITTEN if message.status == MessageStatus.IN_PROGRESS else EMPTY]
    if message.attachments:
        pieces.append(markup('<div class="files">{}</div>\n', files_html(message.attachments, slug)))
    if message.incomplete_reason:
        pieces.append(warning(f"Incomplete: {visible(message.incomplete_reason)}"))
    return SafeString("".join(pieces))


def part_html(part: JsonObject, slug: str, whole: str, hit: str) -> SafeString:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get("text")
        body = marked(markdown(text_of(text), part.get("annotations"), slug), hit)
        refused = warning("The model refused:") if kind == "refusal" else ""
        return markup("{}{}{}\n", refused, body, cut_note(text, whole))
    if kind == "image_file":
        url = file_url(part.get("file_id"), slug)
        return markup(IMAGE, url, url, visible(str(part["file_id"]))) if url else NO_IMAGE
    if kind == "image_url":
        size = part.get("size")
        return web_link(part.get("url"), size if isinstance(size, int) else None)
    text = part.get("text")
    tree = marked(json_tree(text_of(text)), hit)
    return markup('<p class="muted small">{}</p>\n{}{}\n', visible(str(kind or "")), tree, cut_note(text, whole))


def web_link(url: Json, size: int | None) -> SafeString:
    """Links to an image elsewhere and never loads it. `size`: characters of the whole address, which may be cut."""
    text = str(url)
    words = inline_image(text, size)
    if words:
        return markup('<p class="muted">{}</p>', visible(words))
    shown = visible(text[:SHOWN_URL_CHARS]) + ("…" if len(text) > SHOWN_URL_CHARS else "")
    if not is_web_url(url) or len(text) < (size or 0):
        return markup("<code>{}</code>", shown)
    return markup('<a href="{}" rel="noopener noreferrer nofollow" title="{}">{}</a>', text, text, shown)


def warning(words: str) -> SafeString:
    return markup('<p class="err">{}{}</p>\n', drawn("warn"), words)


def files_html(attachments: Sequence[Json], slug: str) -> SafeString:
    ids = [one.get("file_id") for one in attachments if isinstance(one, dict)]
    chips = [
        markup('<a class="chip" href="{}">{}{}</a>\n', url, drawn("file"), short_id_text(visible(str(one))))
        for one in ids
        if (url := file_url(one, slug))
    ]
    return SafeString("".join(chips))
