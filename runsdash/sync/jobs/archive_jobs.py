"""Archives all that is missing of a connection, thread by thread. Whoever starts a worker imports this module."""

from collections.abc import Generator

from runsdash.index.keeping.completeness import open_threads
from runsdash.index.models import Connection, Job, Thread
from runsdash.sync.archiving import archive_thread

from .import_jobs import connection_of
from .job_files import OPEN
from .jobs import JobFailed, add_job, works

KIND = "archive_connection"
PIECE_S = 5.0
PIECES_A_THREAD = 60  # without an end; the worker goes on with it anyway


@works(KIND)
def archive_connection(job: Job) -> Generator[None, None, None]:
    """Reads what is missing of each thread, within the budget. Progress counts threads; `place["thread"]` is done."""
    while True:
        connection = Connection.objects.get(pk=connection_of(job).pk)
        if not connection.is_asked:
            raise JobFailed("The connection is off, or its server is retired.")
        place = {"thread": 0, "pieces": 0, "done": 0, "left": 0} | job.place
        thread = open_threads(connection).filter(pk__gt=place["thread"]).select_related("connection").first()
        if thread is None:
            return
        is_whole = archive_thread(thread, within_s=PIECE_S).is_complete
        place["pieces"] += 1
        if is_whole or place["pieces"] >= PIECES_A_THREAD or not may_go_on(thread.pk):
            place |= {"thread": thread.pk, "pieces": 0, "done": place["done"] + 1}
            place["left"] += not is_whole
        job.place = place
        note = f"{place['left']:,} not whole yet" if place["left"] else ""
        job.progress = {"done": place["done"], "total": job.progress.get("total"), "note": note}
        yield


def may_go_on(thread_id: int) -> bool:
    """Tells whether the thread is still there and nothing was refused: then the rest only needs time."""
    row = Thread.objects.filter(pk=thread_id).values_list("is_gone", "trouble").first()
    return row is not None and not row[0] and not row[1]


def open_job(connection: Connection) -> Job | None:
    return Job.objects.filter(kind=KIND, connection=connection, state__in=OPEN).order_by("id").first()


def last_job(connection: Connection) -> Job | None:
    return Job.objects.filter(kind=KIND, connection=connection).order_by("-id").first()


def begin(connection: Connection, *, created_by: str) -> Job:
    """Adds the job, or returns the one that is under way."""
    total = open_threads(connection).count()
    return open_job(connection) or add_job(KIND, connection=connection, created_by=created_by, total=total)
