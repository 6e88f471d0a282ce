"""Streams of runs: one background thread of this process reads each to its end, never a view.

A second thread writes what all of them have grown by, four times a second. At its end a stream's run is read once more in
the ordinary way. Nobody who watches comes here: they read the rows of `live_output`.
"""

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Thread
from time import monotonic, sleep

from django.db import close_old_connections, connections
from django.utils import timezone

from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.storage.storable_text import storable, stored_id
from runsdash.service import NoAnswer, RunStream, ServiceError, objects
from runsdash.sync.refresh import refresh_run, run_row

from . import output_rows
from .output_parts import UnwrittenText
from .output_rows import NewText

STREAMS_AT_ONCE = 8  # those beyond wait for their turn; the upstream goes on without being read
WRITE_EVERY_S = 0.25
BEAT_EVERY_S = 2.0
BROKE_OFF = "The stream ended before the run did."
log = logging.getLogger(__name__)
_readers = ThreadPoolExecutor(max_workers=STREAMS_AT_ONCE, thread_name_prefix="runsdash-stream")
_going: set["StreamReader"] = set()
_writer: Thread | None = None
_lock = Lock()


def first_run(stream: RunStream) -> objects.Run:
    """Reads until the stream has named its run. Raises its error, or NoAnswer when it ends before that."""
    for _event in stream:
        if stream.run is not None:
            return stream.run
    raise stream.error or NoAnswer("The stream ended before it named its run.", sent=True, is_write=True)


def read_to_the_end(stream: RunStream, *, connection: Connection, thread_id: str) -> None:
    """Goes on reading in the background. The run is in the index already; from here on its live output is too."""
    run = run_row(connection, stored_id(stream.run.id))
    reading = StreamReader(stream, run, thread_id=thread_id)
    with _lock:
        _going.add(reading)
    _start_writer()
    _readers.submit(reading.read)


class StreamReader:
    """A stream, the run it tells of, and the rows it is written to."""

    def __init__(self, stream: RunStream, run: Run, *, thread_id: str) -> None:
        self.stream, self.run, self.thread_id = stream, run, thread_id
        self.live = output_rows.begin(run, reader=secrets.token_hex(8))
        self.growth = UnwrittenText(stream, kept=output_rows.lengths(run), segment=self.live.segment)
        self.writing = Lock()
        self.unwritten: list[NewText] = []
        self.written_at = monotonic()
        self.has_lost_it = False  # another reader has taken over
        self.told = (stream.run, timezone.now())  # the newest run object, and when it came
        self.taken = stream.run  # is in the index

    def read(self) -> None:
        close_old_connections()
        try:
            with self.stream:
                for _event in self.stream:
                    if self.stream.run is not self.told[0]:
                        self.told = (self.stream.run, timezone.now())
            self.write()
            self.read_again()
        except Exception:
            log.exception("a stream could not be read to its end")
        finally:
            self.leave()

    def write(self) -> None:
        """Appends what is new, or gives a sign of life now and then. Called by the writer, and once at the end."""
        with self.writing:
            self.take_run()
            self.unwritten += self.growth.look()
            if self.has_lost_it or (not self.unwritten and monotonic() - self.written_at < BEAT_EVERY_S):
                return
            self.has_lost_it = not output_rows.append(self.live, self.unwritten)
            self.unwritten, self.written_at = [], monotonic()

    def take_run(self) -> None:
        """What the stream says of the run goes into the index when it changes, with the time at which it was said."""
        run, at = self.told
        if run is not self.taken:
            upsert_run(self.run.connection, run, fetched_at=at, thread_id=self.thread_id)
            self.taken = run

    def read_again(self) -> None:
        """The last word is an ordinary read's: it brings steps and messages too."""
        connection = self.run.connection
        try:
            refresh_run(connection, thread_id=self.thread_id, run_id=self.run.upstream_id, max_age_s=0)
        except ServiceError:
            log.info("the run %s could not be read again after its stream", self.run.upstream_id)

    def leave(self) -> None:
        with _lock:
            _going.discard(self)
        try:
            output_rows.end(self.live, sentence=storable(self.fault))
        except Exception:
            log.exception("the end of a stream could not be written")
        finally:
            connections.close_all()

    @property
    def fault(self) -> str:
        """Why the stream broke off; empty when it came to its end."""
        if self.stream.error is not None:
            return self.stream.error.message or BROKE_OFF
        return "" if self.stream.is_complete else BROKE_OFF


def _start_writer() -> None:
    global _writer
    with _lock:
        if _writer is None:
            _writer = Thread(target=_write_while_any, name="runsdash-live-output", daemon=True)
            _writer.start()


def _write_while_any() -> None:
    global _writer
    while True:
        sleep(WRITE_EVERY_S)
        with _lock:
            going = list(_going)
            if not going:
                _writer = None
                break
        for reading in going:
            try:
                reading.write()
            except Exception:
                log.exception("the text of a stream could not be written")
    connections.close_all()
