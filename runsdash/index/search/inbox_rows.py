"""Reads what the inbox shows of runs, by one statement for all of it: its poll compares that, and makes no models.

Owns the statements and `InboxRow`. In which order rows stand, and how one looks, is decided by the dashboard.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from runsdash.index import run_states
from runsdash.service.json_types import JsonFields

from .sql_pieces import Param, Sql, each_run, fetched, joined, listed_ids

WAITS, IS_LATE, IS_OVER = 0, 1, 2  # it can be answered · its deadline is over · it waits no more, or is gone
SELECTED: dict[str, str] = {
    "id": "r.id",
    "connection_id": "r.connection_id",
    "upstream_id": "r.upstream_id",
    "status": "r.status",
    "expires_at": "CAST(r.expires_at AS TEXT)",  # as texts: they are compared alone, and not made to moments
    "ended_at": "CAST(r.ended_at AS TEXT)",
    "status_since": "CAST(r.status_since AS TEXT)",
    "assistant_id": "r.assistant_id",
    "question": "r.question",
    "pending_calls": "CAST(r.pending_calls AS TEXT)",
    "waits_for": "r.waits_for",
    "assistant_name": "a.name",
    "customer": "m.value",
    "parent_id": "p.upstream_id",
    "parent_question": "p.question",
}
JOINED = (
    "JOIN index_connection c ON c.id = r.connection_id "
    "LEFT JOIN index_assistant a ON a.connection_id = r.connection_id AND a.upstream_id = r.assistant_id "
    "LEFT JOIN index_threadmetadata m ON m.thread_id = r.thread_id AND m.key = c.customer_key AND c.customer_key <> '' "
    "LEFT JOIN index_childrun h ON h.connection_id = r.connection_id AND h.upstream_id = r.upstream_id "
    "LEFT JOIN index_run p ON p.id = h.parent_id"
)
LATE = f"{run_states.NOT_GONE_SQL} AND r.expires_at <= %s"
BEFORE = (  # the status that a run was seen in last before it expired
    "(SELECT s.status FROM index_statusseen s WHERE s.run_id = r.id AND s.status <> %s"
    " ORDER BY s.seen_at DESC, s.id DESC LIMIT 1)"
)


class InboxRow(NamedTuple):
    """Holds what the engine gives. All but the first four are on the page, or decide what is.

    `is_old`: it was looked at too long ago. `is_soon`: its deadline is near.
    """

    is_old: bool
    id: int
    connection_id: int
    upstream_id: str
    status: str
    expires_at: str | None
    ended_at: str | None
    status_since: str | None
    assistant_id: str
    question: str | None
    pending_calls: str
    waits_for: str
    assistant_name: str | None
    customer: str | None
    parent_id: str | None
    parent_question: str | None
    standing: int
    is_soon: bool

    @property
    def shown(self) -> tuple[int | str | None, ...]:
        """Returns its key and all that a poll compares of it."""
        return self.id, *self[4:]

    @property
    def calls(self) -> list[JsonFields]:
        """Reads the calls that it waits for."""
        found: list[JsonFields] = json.loads(self.pending_calls) or []
        return found


def unanswered_rows(
    connection: int | None, *, shown: Sequence[int], most: int, now: datetime, soon: datetime, old: datetime
) -> list[InboxRow]:
    """Returns the runs that wait, soonest expiry first, those past their deadline, and the ones with `shown` keys.

    At most `most` of either kind. `soon`, `old`: deadlines before are near, looks at a copy before are too old.
    """
    is_meant = own(connection)
    is_waiting, in_time = run_states.waiting_sql(now)
    waiting = Sql(f"{is_waiting} AND {is_meant.text}", (*in_time, *is_meant.params))
    late = Sql(f"{LATE} AND {is_meant.text}", (run_states.stored(now), *is_meant.params))
    kinds = [
        some(waiting, "r.expires_at ASC NULLS LAST, r.id", most),
        some(late, "r.expires_at DESC, r.id DESC", most),
    ]
    ids = joined([*kinds, *([listed_ids(shown)] if shown else [])], " UNION ")
    computed = Sql(
        f"CASE WHEN r.status <> %s OR NOT {run_states.NOT_GONE_SQL} THEN {IS_OVER}"
        f" WHEN r.expires_at <= %s THEN {IS_LATE} ELSE {WAITS} END, COALESCE(r.expires_at < %s, FALSE)",
        (run_states.WAITING, run_states.stored(now), run_states.stored(soon)),
    )
    is_old = Sql("COALESCE(r.checked_at <= %s, TRUE)", (run_states.stored(old),))
    return rows(ids, is_old, computed, "ORDER BY r.expires_at ASC NULLS LAST, r.id")


def missed_rows(connection: int | None, *, looked_at: int, most: int) -> list[InboxRow]:
    """Returns runs that expired while they waited, newest first: those that went on after they waited were answered.

    `looked_at`: as many expired runs are looked at, `most` returned.
    """
    is_meant = own(connection)
    ids = Sql(
        f"SELECT r.id FROM index_run r WHERE r.status = %s AND {is_meant.text} ORDER BY r.id DESC LIMIT {looked_at}",
        (run_states.EXPIRED, *is_meant.params),
    )
    left = Sql(
        f"WHERE CAST(r.pending_calls AS TEXT) NOT IN ('[]', 'null') AND COALESCE({BEFORE}, %s) = %s"
        f" ORDER BY r.id DESC LIMIT {most}",
        (run_states.EXPIRED, run_states.WAITING, run_states.WAITING),
    )
    return rows(ids, Sql("FALSE"), Sql(f"{IS_OVER}, FALSE"), left.text, left.params)


def rows(ids: Sql, is_old: Sql, computed: Sql, rest: str, params: tuple[Param, ...] = ()) -> list[InboxRow]:
    there = each_run(ids)
    columns = ", ".join((is_old.text, *SELECTED.values(), computed.text))
    statement = f"SELECT {columns} FROM {there.text} {JOINED} {rest}"
    return [
        InboxRow._make(row)
        for row in fetched(Sql(statement, (*is_old.params, *computed.params, *there.params, *params)))
    ]


def own(connection: int | None) -> Sql:
    """Asks for runs of one connection, or of all. The plus keeps both engines from reading all that it has."""
    return Sql("1 = 1") if connection is None else Sql("+r.connection_id = %s", (connection,))


def some(condition: Sql, order: str, most: int) -> Sql:
    """Returns a query for the ids of unanswered runs, the first `most` in an order."""
    of_status = f"r.status = '{run_states.WAITING}'"  # as a constant: their index is of this status alone
    found = f"SELECT r.id FROM index_run r WHERE {of_status} AND {condition.text} ORDER BY {order} LIMIT {most}"
    return Sql(f"SELECT id FROM ({found}) f", condition.params)
