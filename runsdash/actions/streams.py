"""Runs started with `stream`: one background thread of this process reads each to its end, never a view.

What streams bring is taken into the index when they end; until then polls show the run as it goes.
"""

import logging
from concurrent.futures import ThreadPoolExecutor

from django.db import close_old_connections
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.index.upsert import upsert_run
from runsdash.service import NoAnswer, RunStream, objects

STREAMS_AT_ONCE = 8
log = logging.getLogger(__name__)
_readers = ThreadPoolExecutor(max_workers=STREAMS_AT_ONCE, thread_name_prefix="runsdash-stream")


def first_run(stream: RunStream) -> objects.Run:
    """Reads until the stream has named its run. Raises its error, or NoAnswer when it ends before that."""
    for _event in stream:
        if stream.run is not None:
            return stream.run
    raise stream.error or NoAnswer("The stream ended before it named its run.", sent=True, is_write=True)


def read_to_the_end(stream: RunStream, *, connection: Connection, thread_id: str) -> None:
    """Goes on reading in the background."""
    _readers.submit(_read, stream, connection, thread_id)


def _read(stream: RunStream, connection: Connection, thread_id: str) -> None:
    close_old_connections()
    try:
        with stream:
            for _event in stream:
                pass
        if stream.run is not None:
            upsert_run(connection, stream.run, fetched_at=timezone.now(), thread_id=thread_id)
    except Exception:
        log.exception("a stream could not be read to its end")
    finally:
        close_old_connections()
