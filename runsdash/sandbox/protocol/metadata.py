"""Modifies objects: metadata is replaced whole, or merged by a quirk."""

from runsdash.sandbox.state import Call

from .errors import not_found


def modified(call: Call, kind: str, id: str, *, given: dict, parent: str | None = None) -> dict:
    """Writes `given` over the stored object and returns it."""
    with call.sandbox.store.change() as change:
        found = change.get(kind, id, parent=parent)
        if found is None:
            raise not_found(kind, id)
        if "metadata" in given:
            kept = found["metadata"] or {} if call.sandbox.quirks["merge_metadata"] else {}
            given = given | {"metadata": kept | (given["metadata"] or {})}
        found |= given
        change.update(found)
    return found
