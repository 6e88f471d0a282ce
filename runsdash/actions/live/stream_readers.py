"""Reads streams of runs, each to its end on a background thread of this process, never in a view.

A second thread writes what all of them brought, four times a second. After its stream a run is read once more in the
ordinary way. Nobody who watches comes here: they read the rows of `output_rows`.
"""

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock, Thread
from time import monotonic, sleep

from django.db import close_old_connections, connections
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.storage.bodies import raw_object
from runsdash.index.storage.storable_text import storable, stored_id
from runsdash.json_logs import carrying_ids
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
_pool = ThreadPoolExecutor(max_workers=STREAMS_AT_ONCE, thread_name_prefix="runsdash-stream")
_readers: set["StreamReader"] = set()
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
    run = run_row(connection, stored_id(stream.run.id)) if stream.run else None
    if run is None:
        return stream.close()
    reader = StreamReader(stream, run, thread_id=thread_id)
    with _lock:
        _readers.add(reader)
    _start_writer()
    _pool.submit(carrying_ids(reader.read))


class StreamReader:
    """Reads one stream and writes what it brings: text into live output, the run into the index.

    `newest_run` is the stream's newest run object with the time it came, `stored_run` the one that the index has.
    """

    def __init__(self, stream: RunStream, run: Run, *, thread_id: str) -> None:
        self.stream, self.run, self.thread_id = stream, run, thread_id
        self.live = output_rows.begin(run, reader=secrets.token_hex(8))
        self.text = UnwrittenText(stream, kept=output_rows.lengths(run), segment=self.live.segment)
        self.writing = Lock()
        self.unwritten: list[NewText] = []
        self.written_at = monotonic()
        self.is_replaced = False  # another reader has taken over
        self.newest_run = (stream.run, timezone.now())
        self.stored_run = stream.run

    def read(self) -> None:
        close_old_connections()
        try:
            with self.stream:
                for _event in self.stream:
                    if self.stream.run is not self.newest_run[0]:
                        self.newest_run = (self.stream.run, timezone.now())
            self.write()
            self.read_again()
            self.keep_reason()
        except Exception:
            log.exception("a stream could not be read to its end")
        finally:
            self.leave()

    def write(self) -> None:
        """Appends what is new, or gives a sign of life now and then. Called by the writer, and once at the end."""
        with self.writing:
            self.store_run()
            self.unwritten += self.text.take()
            if self.is_replaced or (not self.unwritten and monotonic() - self.written_at < BEAT_EVERY_S):
                return
            self.is_replaced = not output_rows.append(self.live, self.unwritten)
            self.unwritten, self.written_at = [], monotonic()

    def store_run(self) -> None:
        """Stores the stream's run object in the index when it has changed, as of when it came."""
        run, came_at = self.newest_run
        if run is not None and run is not self.stored_run:
            upsert_run(self.run.connection, run, fetched_at=came_at, thread_id=self.thread_id)
            self.stored_run = run

    def read_again(self) -> None:
        """Reads the run in the ordinary way for the last word, which brings steps and messages too."""
        connection = self.run.connection
        try:
            refresh_run(connection, thread_id=self.thread_id, run_id=self.run.upstream_id, max_age_s=0)
        except ServiceError:
            log.info("the run %s could not be read again after its stream", self.run.upstream_id)

    def keep_reason(self) -> None:
        """Keeps why the run failed, when only an `error` event of its stream said so."""
        reason, run = self.stream.last_error, Run.objects.select_related("body").filter(pk=self.run.pk).first()
        if reason is None or run is None or run.fetched_at is None or run.status != run_states.FAILED:
            return
        if run.error_code or run.error_message:
            return
        failed = replace(objects.Run.from_raw(raw_object(run.body)), last_error=reason)
        upsert_run(self.run.connection, failed, fetched_at=run.fetched_at, thread_id=self.thread_id)

    def leave(self) -> None:
        with _lock:
            _readers.discard(self)
        try:
            output_rows.end(self.live, sentence=storable(self.fault))
        except Exception:
            log.exception("the end of a stream could not be written")
        finally:
            connections.close_all()

    @property
    def fault(self) -> str:
        """Says why the stream broke off; empty when it came to its end."""
        if self.stream.error is not None and not self.is_reason:
            return self.stream.error.message or BROKE_OFF
        return "" if self.stream.is_complete else BROKE_OFF

    @property
    def is_reason(self) -> bool:
        """Tells whether the stream's error was why the run failed, and no fault of the stream."""
        return self.stream.last_error is not None and self.stream.is_complete


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
            readers = list(_readers)
            if not readers:
                _writer = None
                break
        for reader in readers:
            try:
                reader.write()
            except Exception:
                log.exception("the text of a stream could not be written")
    connections.close_all()
