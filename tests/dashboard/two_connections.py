"""Two servers with the same ids and other content, each with its own word in all that it has, and what shows them."""

import io
import zipfile
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.actions.outputs.outputs import SentOutput
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import record_intent, record_outcome
from runsdash.index.keeping.archive import keep_file
from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.service import objects
from tests.rows import kept_for_the_module, made_connection, made_run, roll_all_up, waiting_for

LATER = "2999-01-01T00:00:00Z"  # nothing is read before
MARKS = {"one": "alphaword", "two": "betaword"}
THREAD, RUN, WAITING, STEP, MESSAGE, FILE = "thread_same", "run_same", "run_waits", "step_same", "msg_same", "file-same"
RUN_PATH = f"/threads/{THREAD}/runs/{RUN}/"


def made_server(slug: str) -> Connection:
    """A server that is off, with a run that has ended and one that waits; its own word stands in all of it."""
    word, connection, now = MARKS[slug], made_connection(slug, is_enabled=False), timezone.now()
    thread = objects.Thread.from_raw({"id": THREAD, "object": "thread", "created_at": 1, "metadata": {"who": word}})
    (row,) = upsert_threads(connection, [thread], fetched_at=now).values()
    assistant = {"id": "asst_same", "object": "assistant", "name": f"{word} desk", "model": f"{word}-model"}
    upsert_assistants(connection, [objects.Assistant.from_raw(assistant)], fetched_at=now)
    shared = {
        "thread_id": THREAD, "assistant_id": "asst_same", "model": f"{word}-model", "metadata": {"who": word},
        "instructions": f"Say {word}.",
    }  # fmt: skip
    asked, soon = waiting_for(f"ask_{word}"), int(now.timestamp()) + 3600
    made_run(
        connection, id=WAITING, status="requires_action", required_action=asked, expires_at=soon, age_s=50, **shared
    )
    run = made_run(connection, id=RUN, **shared)
    call = {
        "id": "call_same",
        "type": "function",
        "function": {"name": f"find_{word}", "arguments": f'{{"a":"{word}"}}'},
    }
    step = {
        "id": STEP, "run_id": RUN, "thread_id": THREAD, "type": "tool_calls", "status": "completed",
        "created_at": int(run.created_at.timestamp()) + 2, "completed_at": int(run.created_at.timestamp()) + 3,
        "step_details": {"type": "tool_calls", "tool_calls": [call]},
    }  # fmt: skip
    upsert_steps(run, [objects.RunStep.from_raw(step)], fetched_at=now)
    said = {
        "id": MESSAGE, "object": "thread.message", "thread_id": THREAD, "role": "user",
        "created_at": int(run.created_at.timestamp()) - 1, "content": [{"type": "text", "text": {"value": f"Is it {word}?"}}],
    }  # fmt: skip
    upsert_messages(row, [objects.Message.from_raw(said)], fetched_at=now)
    keep_file(connection, FILE, content=f"of {word}".encode(), content_type="text/plain", fetched_at=now)
    SentOutput.objects.create(
        connection=connection, function_name="find_it", run_upstream_id=RUN, call_id="call_same", text=f"in {word}",
        sent_by="otto", sent_at=now,
    )  # fmt: skip
    ids = {"connection_slug": slug, "thread_id": THREAD, "run_id": RUN}
    intent = record_intent(action="cancel_run", actor="otto", reason=f"because of {word}", **ids)
    record_outcome(intent, result=AuditEntry.Result.DONE)
    Run.objects.filter(connection=connection).update(checked_at=LATER, steps_checked_at=LATER)
    return connection


@pytest.fixture(scope="module")
def servers(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[Connection]]:
    with kept_for_the_module(django_db_blocker):
        made = [made_server(slug) for slug in MARKS]
        roll_all_up()
        yield made


LISTS = [
    "/runs/", "/runs/?q=status:completed", "/runs/facets/", "/runs/totals/", "/runs/export.csv", "/runs/export.jsonl",
    "/threads/", "/threads/export.csv", "/threads/export.jsonl", "/threads/facets/", "/needs-action/", "/bulk/new/", "/",
    "/?group=model", "/?group=model&format=csv", "/?group=metadata.who", "/?group=connection",
    "/?group=connection&format=csv", "/assistants/asst_same/", "/search/?q=desk", "/search/?q=say",
    "/search/?q=status:completed", "/search/suggest/?q=desk", "/search/suggest/?q=status:completed", "/functions/",
    "/functions/find_it/", "/audit/", f"/audit/?run={RUN}", f"/audit/?thread={THREAD}",
]  # fmt: skip
OBJECTS = [
    RUN_PATH, f"{RUN_PATH}?tab=raw", f"{RUN_PATH}?tab=conversation", f"{RUN_PATH}?step={STEP}", f"{RUN_PATH}live/",
    f"{RUN_PATH}raw.json", f"{RUN_PATH}export.zip", f"{RUN_PATH}steps/{STEP}/raw.json", f"{RUN_PATH}copy-as/",
    f"{RUN_PATH}metadata/", f"{RUN_PATH}rerun/", f"/threads/{THREAD}/", f"/threads/{THREAD}/live/",
    f"/messages/{MESSAGE}/raw.json", f"/messages/{MESSAGE}/text/", f"/threads/{THREAD}/runs/{WAITING}/tool-outputs/",
    f"{RUN_PATH}?tab=audit", f"/compare/?a={RUN}&b={WAITING}", f"/compare/?a={RUN}", f"/files/{FILE}/",
]  # fmt: skip


def text_of(answer: HttpResponse) -> str:
    content = answer.getvalue()
    if answer["Content-Type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = b"".join(packed.read(name) for name in packed.namelist())
    return content.decode()


def narrowed(path: str, slug: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}connection={slug}"
