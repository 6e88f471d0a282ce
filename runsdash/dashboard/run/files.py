"""Serves files of the upstream, so that a browser never talks to the upstream and never runs what it sends.

A copy that was kept answers, whatever has become of the upstream; what has to be fetched is kept.
"""

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell.lookup import connection_of
from runsdash.index.keeping.archive import MAX_FILE_BYTES, keep_file, kept_file
from runsdash.index.models import ArchivedFile, Connection
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
def file(request: UserRequest, *, file_id: str) -> HttpResponse:
    """Shows PNG, JPEG, GIF and WebP; offers everything else as a download."""
    connection = connection_of(request, (ArchivedFile, file_id))
    content = content_of(connection, file_id)
    image_type = image_type_of(content)
    response = HttpResponse(content, content_type=image_type or "application/octet-stream", headers=HEADERS)
    response["Content-Disposition"] = "inline" if image_type else f'attachment; filename="{plain_name(file_id)}"'
    return response


def content_of(connection: Connection, file_id: str) -> bytes:
    archived = kept_file(connection, file_id)
    if archived is not None:
        return bytes(archived.content or b"")
    if not connection.is_asked:
        raise Http404("RunsDash has no copy of this file, and its connection is off.")
    sent_at = timezone.now()
    file = client_for(connection).retrieve_file_content(file_id=file_id)
    if len(file.content) <= MAX_FILE_BYTES:
        kind = file.content_type
        keep_file(connection, file_id, content=file.content, content_type=kind, fetched_at=sent_at)
    return file.content


def image_type_of(content: bytes) -> str:
    """Returns the media type of an image that may be shown, else ""."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in MAGIC if content.startswith(magic)), "")


def plain_name(file_id: str) -> str:
    return (
        "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in file_id)[:100].lstrip(
            "."
        )
        or "_"
    )
