"""Tries each read of a server once: what works, what is refused and how, and whether there is a server at all."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread
from runsdash.service import Client, NoAnswer, ServiceError, Unauthorized
from runsdash.sync.capabilities import STREAM, Answer, note_findings
from runsdash.sync.clients import client_for

from .last_error import forget_lacks, keep

# Every read by the API's words, in the order in which a page shows them.
READS = {
    "list_assistants": "list assistants",
    "list_threads": "list threads",
    "retrieve_thread": "read a thread",
    "list_messages": "list messages",
    "list_runs": "list runs of a thread",
    "retrieve_run": "read a run",
    "list_run_steps": "list run steps",
}
WRITES = {
    "create_thread": "create a thread",
    "create_run": "start a run",
    "create_thread_and_run": "create thread and run in one call",
    "modify_run": "change a run's metadata",
    "cancel_run": "cancel a run",
    "submit_tool_outputs": "send tool outputs",
    "delete_thread": "delete a thread",
    STREAM: "answer with a stream",
}
TRIED_S = 10.0
GONE = (404, 410)
LEAST_READS = 2  # that must say 404 before a server is called gone
Findings = dict[str, Answer]


def try_reads(connection: Connection) -> Findings:
    """Tries every read that it can, and keeps what came of it in place of what was believed."""
    keep(connection, {"gone_at": None})
    forget_lacks(connection)
    client = client_for(connection).with_patience(timeout=min(TRIED_S, connection.timeout_s), max_retries=0)
    found = tried_reads(client, connection)
    note_findings(connection, found, anew=True)
    if is_gone(found):
        keep(connection, {"gone_at": timezone.now()})
    return found


def tried_reads(client: Client, connection: Connection) -> Findings:
    """Returns the answer or the error of each read by its operation."""
    ask = client.background
    found = answers_of({"list_assistants": ask.list_assistants(limit=1), "list_threads": ask.list_threads(limit=1)})
    if isinstance(found["list_assistants"], NoAnswer | Unauthorized):
        return found
    thread_id = first_id(found["list_threads"]) or known_thread(connection)
    if thread_id:
        found |= answers_of(
            {
                "retrieve_thread": ask.retrieve_thread(thread_id=thread_id),
                "list_messages": ask.list_messages(thread_id=thread_id, limit=1),
                "list_runs": ask.list_runs(thread_id=thread_id, limit=1),
            }
        )
    ids = run_of(found.get("list_runs"), thread_id) or known_run(connection)
    if ids:
        thread_id, run_id = ids
        found |= answers_of(
            {
                "retrieve_run": ask.retrieve_run(thread_id=thread_id, run_id=run_id),
                "list_run_steps": ask.list_run_steps(thread_id=thread_id, run_id=run_id, limit=1),
            }
        )
    return found


def answers_of(futures: Mapping[str, Future[Any]]) -> Findings:
    found: Findings = {}
    for name, future in futures.items():
        try:
            found[name] = future.result()
        except ServiceError as error:
            found[name] = error
    return found


def first_id(page: Answer) -> str:
    data = [] if isinstance(page, ServiceError) else getattr(page, "data", [])
    return data[0].id if data else ""


def run_of(page: Answer, thread_id: str) -> tuple[str, str] | None:
    run_id = first_id(page)
    return (thread_id, run_id) if run_id else None


def known_thread(connection: Connection) -> str:
    rows = Thread.objects.filter(connection=connection, is_gone=False, last_run_id__isnull=False)
    return rows.order_by("-last_run_id").values_list("upstream_id", flat=True).first() or ""


def known_run(connection: Connection) -> tuple[str, str] | None:
    run = Run.objects.filter(connection=connection, thread__is_gone=False).order_by("-id").select_related("thread")
    found = run.first()
    return (found.thread.upstream_id, found.upstream_id) if found else None


def is_gone(found: Findings) -> bool:
    """Tells whether everything that was asked for was not found: then it is the server that is not there."""
    statuses = [one.status if isinstance(one, ServiceError) else 200 for one in found.values()]
    return len(statuses) >= LEAST_READS and all(status in GONE for status in statuses)
