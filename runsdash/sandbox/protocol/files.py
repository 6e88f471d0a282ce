"""Serves files: the images that code made, and the bundled documents. Nothing is uploaded."""

import json

from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.script.documents import DOCUMENTS
from runsdash.sandbox.state import Bytes, Call

from .errors import not_found

BUNDLED_AT = 1_760_000_000  # the day the documents were written; fixed, so listings are stable


def bundled(file_id: str) -> JsonObject:
    name, text = DOCUMENTS[file_id]
    return {
        "id": file_id,
        "object": "file",
        "bytes": len(text.encode()),
        "created_at": BUNDLED_AT,
        "filename": name,
        "purpose": "assistants",
        "status": "processed",
    }


def retrieve(call: Call, file_id: str) -> JsonObject:
    if file_id in DOCUMENTS:
        return bundled(file_id)
    return json.loads(stored(call, file_id)[0])


def content(call: Call, file_id: str) -> Bytes:
    if file_id in DOCUMENTS:
        return Bytes(DOCUMENTS[file_id][1].encode(), "text/markdown; charset=utf-8")
    return Bytes(stored(call, file_id)[1], "image/png")


def stored(call: Call, file_id: str) -> tuple[str, bytes]:
    """Reads a file's object as JSON text, and its content."""
    found = call.sandbox.store.rows("SELECT body, content FROM file WHERE id=?", file_id)
    if not found:
        raise not_found("file", file_id)
    return found[0]
