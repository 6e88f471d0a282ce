"""Finds connections whose provider closes soon or is gone, for the banner that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from runsdash.index.keeping.archive import counted
from runsdash.index.keeping.completeness import NOTICE_DAYS, days_left, open_runs
from runsdash.index.models import Connection


@dataclass(frozen=True)
class Retiring:
    """Names a connection, the days it has left (None: it is gone), and its runs that are not archived."""

    connection: Connection
    days_left: int | None
    open_runs: int


def retiring(shown: Sequence[Connection]) -> list[Retiring]:
    """Costs a statement for each that closes within NOTICE_DAYS, and none otherwise."""
    found = []
    for connection in shown:
        left = days_left(connection)
        if connection.is_enabled and (connection.is_retired or (left is not None and left <= NOTICE_DAYS)):
            found.append(Retiring(connection, left, counted(open_runs(connection))))
    return found
