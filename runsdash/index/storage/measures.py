"""Adds what a process has counted to the rows of all, and reads these. A process that is killed loses seconds."""

import json
import logging
from contextlib import nullcontext
from threading import Event, Thread

from django.db import DatabaseError, close_old_connections, connections, transaction
from django.db import connection as database

from runsdash import measures
from runsdash.index.models import MeasuredSum

WRITE_EVERY_S = 5.0
AT_ONCE = 200  # rows a statement
log = logging.getLogger(__name__)


def write_measures() -> None:
    """Adds all that was counted; what cannot be written is kept for the next time."""
    counts = measures.taken()
    # In one order, so that no two processes wait for each other's rows.
    rows = sorted((name, json.dumps(labels), by) for (name, labels), by in counts.items())
    try:
        with transaction.atomic() if rows else nullcontext():
            for start in range(0, len(rows), AT_ONCE):
                add_rows(rows[start : start + AT_ONCE])
    except DatabaseError as error:
        measures.give_back(counts)
        log.warning("counts could not be written: %s", error)


def add_rows(rows: list[tuple[str, str, float]]) -> None:
    table = database.ops.quote_name(MeasuredSum._meta.db_table)
    places = ", ".join(["(%s, %s, %s)"] * len(rows))
    sql = (
        f"INSERT INTO {table} (name, labels, amount) VALUES {places} "
        f"ON CONFLICT (name, labels) DO UPDATE SET amount = {table}.amount + excluded.amount"
    )
    with database.cursor() as cursor:
        cursor.execute(sql, [value for row in rows for value in row])


def read_measures() -> dict[str, dict[tuple[str, ...], float]]:
    """Returns the sums of all processes, by name and values of labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in measures.COUNTED}
    for name, labels, amount in MeasuredSum.objects.values_list("name", "labels", "amount"):
        if name in found:
            found[name][tuple(json.loads(labels))] = amount
    return found


def write_now_and_then() -> Event:
    """Writes beside what else the process does, until the event is set. For processes that serve pages."""
    stop = Event()
    Thread(target=_write_until, args=(stop,), name="runsdash-measures", daemon=True).start()
    return stop


def _write_until(stop: Event) -> None:
    while not stop.wait(WRITE_EVERY_S):
        close_old_connections()
        try:
            write_measures()
        except Exception:
            log.exception("counts could not be written")
    connections.close_all()
