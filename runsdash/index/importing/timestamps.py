"""Writes times as the engine of an import reads them, in UTC. Pure.

Objects of the API have whole seconds, nearly always, and an import writes dozens of times a run.
"""

from datetime import datetime
from functools import lru_cache

from .read_line import Context

OFFSET_CHARS = len("+00:00")  # all moments are UTC


def stamp(moment: datetime | None, context: Context) -> str | None:
    return None if moment is None else stamp_in(moment, context.zone)


@lru_cache(maxsize=8192)
def stamp_in(moment: datetime, zone: str) -> str:
    return moment.isoformat(" ")[:-OFFSET_CHARS] + zone
