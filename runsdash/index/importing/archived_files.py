"""Writes archived files as lines of an export, and reads them back. Knows nothing of which files an export holds."""

import json
from base64 import b64encode
from binascii import Error as NotBase64
from binascii import a2b_base64
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from runsdash.index.keeping.archive import MAX_FILE_BYTES, digest_of
from runsdash.index.models import ArchivedFile, Connection, Thread
from runsdash.index.storage.column_types import Columns
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.storable_text import cut, stored_id
from runsdash.service.json_types import JsonObject
from runsdash.service.objects import parsing

from . import export_fields
from .read_line import BadLine, Context

OBJECT = "runsdash.file"
NOT_OF_AN_ID = frozenset("/\\") | {chr(number) for number in (*range(32), 127)}
MAX_ATTEMPTS_STATED = 1000


@dataclass(frozen=True, kw_only=True)
class FileLine:
    """Holds a file as a line has it. `fetched_at` null: still wanted; `content` null: not here, `status` says why."""

    id: str
    thread_id: str = ""
    status: int | None = None
    attempts: int = 0
    content_type: str = ""
    fetched_at: datetime | None = None
    content: bytes | None = None

    def columns(self) -> Columns:
        content = self.content
        return {
            "status": self.status, "attempts": self.attempts, "content_type": self.content_type,
            "fetched_at": self.fetched_at, "content": content, "size": len(content or b""),
            "digest": "" if content is None else digest_of(content),
        }  # fmt: skip


# Lines


def file_line(file: ArchivedFile, thread_id: str) -> bytes:
    """Writes a kept file as a line. `thread_id`: the upstream's id of the thread whose meter counts it."""
    return line_of(file_fields(file, thread_id), None if file.content is None else bytes(file.content))


def file_fields(file: ArchivedFile, thread_id: str) -> JsonObject:
    """Gathers what a line says of a file, all but its content."""
    columns = {name: getattr(file, name) for name in ("status", "attempts", "content_type", "size", "digest")}
    found = {name: value for name, value in columns.items() if value not in (None, "", 0)}
    found |= {"id": file.upstream_id, "thread_id": thread_id}
    return found | {"_fetched_at": file.fetched_at and file.fetched_at.isoformat()}


def line_of(fields: JsonObject, content: bytes | None) -> bytes:
    """Writes a line, its content as base64, with its end."""
    rest = {name: value for name, value in fields.items() if name not in ("object", "content")}
    fetched_at = rest.pop("_fetched_at", None)
    start = json.dumps({"object": OBJECT} | rest, separators=(",", ":")).encode()[:-1]
    end = export_fields.with_fields(b"}", {"_fetched_at": fetched_at}) + b"\n"
    if content is None:
        return start + end
    return b"".join((start, b',"content":"', b64encode(content), b'"', end))  # copied once, it may be large


def read_file(value: JsonObject, *, read_at: datetime, context: Context) -> FileLine:
    """Reads a file out of the JSON of a line. Raises BadLine."""
    status, content = status_of(value), content_of(value)
    if (status == 200) != (content is not None):
        raise BadLine("the status and the content of this file do not belong together")
    stated = value.get("_fetched_at", read_at.isoformat() if status else None)
    fetched_at = parsing.moment(stated)
    if fetched_at is None and (stated is not None or content is not None):
        raise BadLine("it does not tell when this file was fetched")
    return FileLine(
        id=id_of(value),
        thread_id=stored_id(parsing.identifier(value.get("thread_id")) or ""),
        status=status,
        attempts=min(parsing.integer(value.get("attempts")) or 0, MAX_ATTEMPTS_STATED),
        content_type=cut(parsing.text(value.get("content_type")) or "", 100),
        fetched_at=fetched_at and min(fetched_at, context.now),
        content=content,
    )


def id_of(value: JsonObject) -> str:
    found = parsing.identifier(value.get("id"))
    if found is None or len(found) > 200 or stored_id(found) != found or NOT_OF_AN_ID.intersection(found):
        raise BadLine("this file has no id that could be one")
    return found


def status_of(value: JsonObject) -> int | None:
    stated = value.get("status")
    status = parsing.integer(stated)
    if stated is not None and (status is None or not 100 <= status <= 599):
        raise BadLine("the status of this file is none of HTTP")
    return status


def content_of(value: JsonObject) -> bytes | None:
    """Returns the bytes, if they are what the line says they are."""
    text = value.get("content")
    if text is None:
        return None
    try:
        content = a2b_base64(str(text), strict_mode=True)
    except (NotBase64, ValueError):
        raise BadLine("the content of this file is not base64") from None
    if len(content) > MAX_FILE_BYTES:
        raise BadLine(f"this file is larger than {MAX_FILE_BYTES >> 20} MB")
    if value.get("size", 0) != len(content) or value.get("digest", "") != digest_of(content):
        raise BadLine("the content of this file is not what its size and digest say")
    return content


# Into the index


def write_file(connection: Connection, value: JsonObject, *, read_at: datetime, context: Context) -> bool:
    """Writes a file; False when the index has as much already. Raises BadLine."""
    file = read_file(value, read_at=read_at, context=context)
    rows = ArchivedFile.objects.filter(connection=connection, upstream_id=file.id)
    with transaction.atomic():
        thread = held_thread(connection, file.thread_id)
        there = rows.select_for_update().defer("content").first()
        if there is None:
            new = ArchivedFile(connection=connection, upstream_id=file.id, thread=thread, **file.columns())
            ArchivedFile.objects.bulk_create([new], ignore_conflicts=True)
            return True
        owner = {"thread": thread} if thread is not None and there.thread_id is None else {}
        columns = file.columns() if is_better(file, there) else {}
        return bool((columns or owner) and rows.update(**columns, **owner))


def held_thread(connection: Connection, thread_id: str) -> Thread | None:
    """Holds the thread, if it is here, so that it is not purged while its file is written."""
    thread = Thread.objects.filter(connection=connection, upstream_id=thread_id).only("pk").first()
    return thread if thread is not None and hold_thread(thread.pk) else None


def is_better(file: FileLine, there: ArchivedFile) -> bool:
    """Is it content where there is a refusal, a refusal where nothing is known, or the newer of two alike?"""
    return rank(file.status, file.fetched_at) > rank(there.status, there.fetched_at)


def rank(status: int | None, fetched_at: datetime | None) -> tuple[bool, float]:
    return status == 200, fetched_at.timestamp() if fetched_at else 0.0
