"""Pages through stored objects by `limit`, `order`, `after` and `before`: docs/protocol.md#paging."""

import json
import math

from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.state import Call
from runsdash.sandbox.store import SqlValue, Store

from .checks import number
from .errors import invalid

LIMIT_MAX = 100
LIMIT_DEFAULT = 20


def page(call: Call, *, kind: str, parent: str, run_id: str | None = None, usual_order: str = "desc") -> JsonObject:
    """Reads one page as the API's list envelope; `run_id` narrows messages to one run."""
    store, query, quirks = call.sandbox.store, call.query, call.sandbox.quirks
    limit, order = read_limit(query), read_order(query, usual_order)
    after = None if quirks["after_ignored"] else query_value(query, "after")
    before = query_value(query, "before")
    # A page before a cursor alone is read backwards from it, then reversed.
    is_backwards = bool(before and not after)
    descending = (order == "desc") != is_backwards
    where = "kind=? AND parent=?"
    args: list[SqlValue] = [kind, parent]
    for param, cursor in (("after", after), ("before", before)):
        if cursor:
            beyond = beyond_cursor(quirks, descending=(order == "desc") != (param == "before"))
            where += f" AND {beyond}"
            args += position_of(store, kind, cursor, param)[: beyond.count("?")]
    if run_id:
        where += " AND json_extract(body, '$.run_id')=?"
        args.append(run_id)
    ties = "random()" if quirks["ties_shuffled"] else "seq"
    rows = read(store, where, args, descending=descending, count=limit + 1, ties=ties)
    shown = rows[:limit][::-1] if is_backwards else rows[:limit]
    has_more = quirks["has_more_true"] or (len(rows) > limit and not quirks["has_more_false"])
    return envelope(shown, has_more=has_more)


def beyond_cursor(quirks: JsonObject, *, descending: bool) -> str:
    """Writes the SQL condition for rows behind a cursor, as this server or one with a quirk understands it."""
    sign = "<" if descending else ">"
    if quirks["ties_lost"]:
        return f"created_at {sign} ?"
    return f"(created_at, seq) {sign}{'=' if quirks['after_inclusive'] else ''} (?,?)"


def read(
    store: Store, where: str, args: list[SqlValue], *, descending: bool, count: int, ties: str
) -> list[JsonObject]:
    """Reads the bodies of objects; `ties` is the SQL that orders those of one second."""
    direction = "DESC" if descending else "ASC"
    sql = f"SELECT body FROM object WHERE {where} ORDER BY created_at {direction}, {ties} {direction} LIMIT ?"
    return [json.loads(body) for (body,) in store.rows(sql, *args, count)]


def position_of(store: Store, kind: str, cursor: str, param: str) -> tuple[int, int]:
    found = store.rows("SELECT created_at, seq FROM object WHERE id=? AND kind=?", cursor, kind)
    if not found:
        raise invalid(f"Invalid '{param}': no {kind} found with id '{cursor}'.", param=param)
    return found[0]


def envelope(objects: list[JsonObject], *, has_more: bool) -> JsonObject:
    """Makes the list object; both ids are null when it is empty."""
    return {
        "object": "list",
        "data": objects,
        "first_id": objects[0]["id"] if objects else None,
        "last_id": objects[-1]["id"] if objects else None,
        "has_more": has_more,
    }


def query_value(query: dict[str, list[str]], name: str) -> str | None:
    return query.get(name, [""])[0] or None


def read_limit(query: dict[str, list[str]]) -> int:
    text = query_value(query, "limit") or str(LIMIT_DEFAULT)
    try:
        limit = float(text.replace(" ", "+"))  # some clients write 1e+02, whose plus stands for a blank
    except ValueError:
        limit = math.nan
    if not limit.is_integer():
        raise invalid(
            f"Invalid type for 'limit': expected an integer, but got '{text[:40]}' instead.",
            param="limit",
            code="invalid_type",
        )
    number(least=1, most=LIMIT_MAX, whole=True)("limit", int(limit))
    return int(limit)


def read_order(query: dict[str, list[str]], usual: str) -> str:
    order = query_value(query, "order") or usual
    if order not in ("asc", "desc"):
        raise invalid(
            f"Invalid value: '{order[:40]}'. Supported values are: 'asc' and 'desc'.",
            param="order",
            code="invalid_value",
        )
    return order
