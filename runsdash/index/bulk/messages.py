"""Messages of threads that are in the index."""

from collections.abc import Sequence

from runsdash.index.models import Connection, Message, MessageBody
from runsdash.index.statements import insert_rows, replace_rows

from .keys import Keys
from .parts import BODY_REST, MESSAGE_REST, MessagePart

NAMES = ("id", "thread_id", *MESSAGE_REST)
CHUNK = 500  # ids in one IN (…)


def write_messages(
    connection: Connection,
    parts: Sequence[MessagePart],
    thread_keys: dict[str, int],
    keys: Keys,
    *,
    known_only_in: set[str],
) -> int:
    """Writes what the rule of age allows; how many that were.

    `known_only_in`: ids of threads that may have messages already.
    """
    doubtful = [p.upstream_id for p in parts if p.thread_id in known_only_in]
    known: dict[str, tuple] = {}
    for start in range(0, len(doubtful), CHUNK):
        rows = Message.objects.filter(connection=connection, upstream_id__in=doubtful[start : start + CHUNK])
        known.update({one: rest for one, *rest in rows.values_list("upstream_id", "pk", "fetched_at")})
    new = [part for part in parts if part.upstream_id not in known]
    old = [part for part in parts if part.upstream_id in known and known[part.upstream_id][1] <= part.fetched_at]
    for statement, chosen, own in (
        (insert_rows, keys.free(Message, [part.key for part in new]), new),
        (replace_rows, [known[part.upstream_id][0] for part in old], old),
    ):
        pairs = list(zip(chosen, own, strict=True))
        statement(Message, NAMES, [(key, thread_keys[part.thread_id], *part.rest) for key, part in pairs])
        statement(MessageBody, ("message_id", *BODY_REST), [(key, *part.body) for key, part in pairs])
    return len(new) + len(old)
