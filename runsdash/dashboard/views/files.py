"""A file of the upstream, through RunsDash, so that a browser never talks to the upstream and never runs what it sends."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.subject import usable_connection
from runsdash.sync.clients import client_for

# Shown in a page only when the bytes begin so; what the upstream says of the type counts for nothing.
MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
KEPT_S = 24 * 3600  # a file's content never changes under its id
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": f"private, max-age={KEPT_S}, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@viewer_required
@require_safe
def file(request: HttpRequest, *, file_id: str) -> HttpResponse:
    """PNG, JPEG, GIF and WebP are shown, everything else is a download."""
    connection = usable_connection(request)
    content = client_for(connection).retrieve_file_content(file_id=file_id, raw=True)
    image_type = image_type_of(content)
    response = HttpResponse(content, content_type=image_type or "application/octet-stream", headers=HEADERS)
    response["Content-Disposition"] = "inline" if image_type else f'attachment; filename="{plain_name(file_id)}"'
    return response


def image_type_of(content: bytes) -> str:
    """The media type of an image that may be shown, else ""."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in MAGIC if content.startswith(magic)), "")


def plain_name(file_id: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in file_id)[:100]
