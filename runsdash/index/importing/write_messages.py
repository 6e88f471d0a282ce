"""Writes messages of threads that are in the index."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from runsdash.index.models import Connection, Message, MessageBody, Thread
from runsdash.index.snapshots.known_rows import chunks, free_keys
from runsdash.index.snapshots.message_order import MIDDLE, base_of, start_beside
from runsdash.index.storage.changes import messages_changed
from runsdash.index.storage.keys import MESSAGE_RANK_BIT
from runsdash.index.storage.sql_writes import insert_rows, replace_rows

from .row_types import BODY_REST, MESSAGE_REST, MessageRows

NAMES = ("id", "thread_id", "position", *MESSAGE_REST)


class KnownMessage(NamedTuple):
    key: int
    fetched_at: datetime
    position: int


def write_messages(
    connection: Connection,
    messages: Sequence[MessageRows],
    threads: Mapping[str, Thread],
    *,
    older: set[str],
    is_careful: bool,
) -> int:
    """Writes what the rule of age allows, and returns how many that were.

    `older`: ids of threads that may have messages already. `is_careful`: every key is looked up before it is taken.
    """
    known = known_messages(connection, [one.upstream_id for one in messages if one.thread_id in older])
    positions = positions_of(messages, threads, known, older)
    new = [one for one in messages if one.upstream_id not in known]
    changed = [
        one for one in messages if one.upstream_id in known and known[one.upstream_id].fetched_at <= one.fetched_at
    ]
    messages_changed({threads[one.thread_id].pk for one in (*new, *changed) if one.thread_id in older})
    preferred = [one.key for one in new]
    for write, keys, own in (
        (insert_rows, free_keys(Message, preferred) if is_careful else preferred, new),
        (replace_rows, [known[one.upstream_id].key for one in changed], changed),
    ):
        pairs = list(zip(keys, own, strict=True))
        rows = [(key, threads[one.thread_id].pk, positions[one.upstream_id], *one.rest) for key, one in pairs]
        write(Message, NAMES, rows)
        write(MessageBody, ("message_id", *BODY_REST), [(key, *one.body) for key, one in pairs])
    return len(new) + len(changed)


def known_messages(connection: Connection, ids: Sequence[str]) -> dict[str, KnownMessage]:
    rows = Message.objects.filter(connection=connection).values_list("upstream_id", "pk", "fetched_at", "position")
    found = (row for some in chunks(ids) for row in rows.filter(upstream_id__in=some))
    return {upstream_id: KnownMessage._make(known) for upstream_id, *known in found}


def positions_of(
    messages: Iterable[MessageRows],
    threads: Mapping[str, Thread],
    known: Mapping[str, KnownMessage],
    older: set[str],
) -> dict[str, int]:
    """Places messages by the rules of `message_order`: a new second begins in its middle, a known one goes on."""
    found: dict[str, int] = {}
    for (thread_id, base), group in groupby(messages, key=lambda one: (one.thread_id, base_of(one.position))):
        own = list(group)
        start = start_of_known(own, base, known)
        if start is None and thread_id in older:
            start = start_beside(threads[thread_id], base, len(own), goes_back=False)
        start = MIDDLE if start is None else start
        for place, one in enumerate(own):
            found[one.upstream_id] = base + min(max(0, start + place), MESSAGE_RANK_BIT - 1)
    return found


def start_of_known(own: Sequence[MessageRows], base: int, known: Mapping[str, KnownMessage]) -> int | None:
    """Finds where the group begins so that its first known message stays where it is."""
    for place, one in enumerate(own):
        row = known.get(one.upstream_id)
        if row is not None and base_of(row.position) == base:
            return row.position - base - place
    return None
