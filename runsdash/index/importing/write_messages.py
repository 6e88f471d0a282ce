"""Messages of threads that are in the index."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from runsdash.index.models import Connection, Message, MessageBody, Thread
from runsdash.index.snapshots.message_order import MIDDLE, base_of, start_beside
from runsdash.index.snapshots.rows import MESSAGE_RANK_BIT
from runsdash.index.storage.sql_writes import insert_rows, replace_rows

from .free_keys import Keys
from .row_types import BODY_REST, MESSAGE_REST, MessageRows

NAMES = ("id", "thread_id", "position", *MESSAGE_REST)
CHUNK = 500  # ids in one IN (…)


class KnownMessage(NamedTuple):
    key: int
    fetched_at: datetime
    position: int


def write_messages(
    connection: Connection, parts: Sequence[MessageRows], threads: Mapping[str, Thread], keys: Keys, *, older: set[str]
) -> int:
    """Writes what the rule of age allows; how many that were. `older`: ids of threads that may have messages already."""
    known = known_messages(connection, [part.upstream_id for part in parts if part.thread_id in older])
    positions = positions_of(parts, threads, known, older)
    new = [part for part in parts if part.upstream_id not in known]
    old = [
        part for part in parts if part.upstream_id in known and known[part.upstream_id].fetched_at <= part.fetched_at
    ]
    for statement, chosen, own in (
        (insert_rows, keys.free(Message, [part.key for part in new]), new),
        (replace_rows, [known[part.upstream_id].key for part in old], old),
    ):
        pairs = list(zip(chosen, own, strict=True))
        rows = [(key, threads[one.thread_id].pk, positions[one.upstream_id], *one.rest) for key, one in pairs]
        statement(Message, NAMES, rows)
        statement(MessageBody, ("message_id", *BODY_REST), [(key, *one.body) for key, one in pairs])
    return len(new) + len(old)


def known_messages(connection: Connection, ids: Sequence[str]) -> dict[str, KnownMessage]:
    found: dict[str, KnownMessage] = {}
    for start in range(0, len(ids), CHUNK):
        rows = Message.objects.filter(connection=connection, upstream_id__in=ids[start : start + CHUNK])
        rows = rows.values_list("upstream_id", "pk", "fetched_at", "position")
        found.update({upstream_id: KnownMessage(*there) for upstream_id, *there in rows})
    return found


def positions_of(
    parts: Iterable[MessageRows], threads: Mapping[str, Thread], known: Mapping[str, KnownMessage], older: set[str]
) -> dict[str, int]:
    """By the rules of `message_order`: a new second begins in its middle, one that is there goes on behind its last."""
    found: dict[str, int] = {}
    for (thread_id, base), group in groupby(parts, key=lambda part: (part.thread_id, base_of(part.position))):
        own = list(group)
        start = start_of_known(own, base, known)
        if start is None and thread_id in older:
            start = start_beside(threads[thread_id], base, len(own), goes_back=False)
        start = MIDDLE if start is None else start
        for place, part in enumerate(own):
            found[part.upstream_id] = base + min(max(0, start + place), MESSAGE_RANK_BIT - 1)
    return found


def start_of_known(own: Sequence[MessageRows], base: int, known: Mapping[str, KnownMessage]) -> int | None:
    """Where the group begins so that its first known message stays where it is."""
    for place, part in enumerate(own):
        there = known.get(part.upstream_id)
        if there is not None and base_of(there.position) == base:
            return there.position - base - place
    return None
