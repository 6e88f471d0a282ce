"""Modifies objects: metadata is replaced whole, or merged by a quirk."""

from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.state import Call


def modified(call: Call, kind: str, id: str, *, given: JsonObject, parent: str | None = None) -> JsonObject:
    """Writes `given` over the stored object and returns it."""
    with call.sandbox.store.change() as change:
        found = change.get(kind, id, parent=parent)
        if "metadata" in given:
            kept = found["metadata"] or {} if call.sandbox.quirks["merge_metadata"] else {}
            given = given | {"metadata": kept | (given["metadata"] or {})}
        if not call.sandbox.quirks["writes_ignored"]:
            found |= given
            change.update(found)
    return found
