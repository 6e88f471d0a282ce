"""Thread ids that a person pasted, or a file that holds them. Parses; looks nothing up."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from runsdash.dashboard.shell.uploads import MAX_UPLOAD_BYTES
from runsdash.index.ids import MAX_TEXT_CHARS, found_ids
from runsdash.index.importing.merge_threads import thread_ids

FIELD = "ids"
IDS_AT_ONCE = 500  # more are left to a worker
SMALL_BYTES = 64 * 1024  # a smaller file is read like pasted text
GZIP = b"\x1f\x8b"


@dataclass
class AddThreads:
    """`text` as typed; `thread_ids` found in it; `errors` are sentences, empty when it can be sent."""

    text: str = ""
    connection_slug: str = ""
    thread_ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    file: UploadedFile | None = None

    @property
    def is_large(self) -> bool:
        """Is this for a worker?"""
        return self.file is not None or len(self.thread_ids) > IDS_AT_ONCE

    def pieces(self) -> Iterator[bytes]:
        """All of it, for a file."""
        if self.file is not None:
            yield from self.file.chunks()
        if self.text.strip():
            yield f"\n{self.text}\n".encode("utf-8", "replace")


def read_add_threads(posted: QueryDict, file: UploadedFile | None = None) -> AddThreads:
    form = AddThreads(text=posted.get(FIELD, ""), connection_slug=posted.get("connection", ""))
    if len(form.text) > MAX_TEXT_CHARS:
        form.errors.append(f"The text is longer than {MAX_TEXT_CHARS:,} characters. Send it as a file.")
        return form
    if file is not None and file.size > MAX_UPLOAD_BYTES:
        form.errors.append(f"The file is larger than {MAX_UPLOAD_BYTES >> 20} MB. Send it in parts, or packed by gzip.")
        return form
    text = form.text + small_text(file)
    form.file = file if file is not None and text == form.text and file.size else None
    lines = text.encode("utf-8", "replace").splitlines()
    form.thread_ids = list(dict.fromkeys(one for line in lines for one in thread_ids(line)))
    if not form.thread_ids and form.file is None:
        form.errors.append(nothing_found(text, kinds={one.kind for one in found_ids(text)}))
    return form


def small_text(file: UploadedFile | None) -> str:
    """The text of a small file; "" when a worker has to read it."""
    if file is None or file.size > SMALL_BYTES:
        return ""
    content = file.read()
    file.seek(0)
    return "" if content.startswith(GZIP) else "\n" + content.decode("utf-8", "replace")


def nothing_found(text: str, *, kinds: set[str]) -> str:
    if not text.strip():
        return "Paste one thread id a line, or any text that contains thread ids, or choose a file."
    if kinds:
        names = " and ".join(sorted(kinds))
        return f"There are only {names} ids in this text. The API finds them by their thread, so a thread id is needed."
    return "There is no thread id in this text."
