"""Writes times as the engine of an import reads them, in UTC. Pure.

Objects of the API have whole seconds, nearly always, and an import writes dozens of times a run.
"""

from datetime import UTC, datetime
from functools import lru_cache

from .read_line import Context

OFFSET_CHARS = len("+00:00")  # all moments are UTC
SECONDS = [f"{second:02}" for second in range(60)]


def stamp(moment: datetime | None, context: Context) -> str | None:
    return None if moment is None else stamp_in(moment, context.zone)


@lru_cache(maxsize=8192)
def stamp_in(moment: datetime, zone: str) -> str:
    return moment.isoformat(" ")[:-OFFSET_CHARS] + zone


def second_stamp(second: int | None, zone: str) -> str | None:
    """Writes whole seconds since 1970 in the same way."""
    if second is None:
        return None
    minute, rest = divmod(second, 60)
    return minute_stamp(minute) + SECONDS[rest] + zone


@lru_cache(maxsize=8192)
def minute_stamp(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d %H:%M:")
