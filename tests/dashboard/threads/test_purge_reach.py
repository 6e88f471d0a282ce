"""A marker in every text that is kept of a thread is, after a purge, in no file of the data folder and in no dump."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings as ours
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from runsdash.actions.batch.models import BatchItem, BatchJob
from runsdash.actions.batch.working import work_some
from runsdash.actions.models import Claim, Draft, Lineage, LiveOutput, LivePiece, SentOutput
from runsdash.actions.notes import add_label, add_note
from runsdash.audit.chain import check_chain
from runsdash.audit.trail import record_intent, record_outcome, record_refusal
from runsdash.index.fulltext.writer import index_runs
from runsdash.index.keeping.overwrite import not_overwritten, overwrite_words
from runsdash.index.models import ArchivedFile, PurgedThread, Run, RunMetadata, Thread, ThreadMetadata
from runsdash.index.totals.rollups import roll_up
from runsdash.notify.models import Delivery, Rule
from tests import postgres
from tests.hostile_rows import hostile_run
from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db(transaction=True)
MARK = "qzmarker7731"
PLAIN = "words"
CONTENT = f"{MARK} ".encode() * 10_000  # pages of its own


@pytest.fixture
def marked(settings, tmp_path, admin: Client) -> Run:
    """A run on a connection that is off, with the marker in whatever a person or an upstream can write."""
    settings.FILES_DIR = str(tmp_path)
    connection = made_connection(is_enabled=False)
    run = hostile_run(connection, "marked", [PLAIN, MARK, f"{MARK} # *more*"])
    other = made_run(connection)
    Run.objects.filter(pk=run.pk).update(trouble={"message": MARK}, question=MARK, reply=MARK, error_message=MARK)
    Thread.objects.filter(pk=run.thread_id).update(trouble={"message": MARK}, first_question=MARK, last_reply=MARK)
    RunMetadata.objects.create(run=run, key="k", value=MARK)
    ThreadMetadata.objects.create(thread=run.thread, key="k", value=MARK)
    for number, mine in enumerate(({"thread": run.thread}, {})):
        content = {"status": 200, "content": CONTENT, "size": len(CONTENT), "fetched_at": timezone.now()}
        ArchivedFile.objects.create(
            connection=connection, upstream_id=[f"file_{number}", MARK][number], **content, **mine
        )
    leave_words(run, other, admin)
    index_runs(Run.objects.values_list("pk", flat=True))
    Run.objects.filter(pk=run.pk).update(question=MARK, reply=MARK)
    return run


def leave_words(run: Run, other: Run, admin: Client) -> None:
    """What people typed, what was streamed, sent, exported and recorded."""
    now, user = timezone.now(), admin.user
    call = {"connection": run.connection, "run_upstream_id": run.upstream_id, "call_id": "call_1", "text": MARK}
    Draft.objects.create(user=user, saved_at=now, function_name="f", **call)
    SentOutput.objects.create(function_name="f", sent_by="admin", sent_at=now, **call)
    Claim.objects.create(user=user, connection=run.connection, run_upstream_id=run.upstream_id, since=now, seen_at=now)
    Lineage.objects.create(run=other, source=run, is_on_copy=False, changed=[MARK], made_by="admin")
    for subject in (run, run.thread):
        add_note(actor=user, subject=subject, text=MARK)
        add_label(actor=user, subject=subject, name=MARK)
    LiveOutput.objects.create(run=run, segment=1, reader="x", beat_at=now, sentence=MARK)
    LivePiece.objects.create(run=run, part="msg", kind="text", text=MARK)
    rule = Rule.objects.create(name="all", event="failure", emails="a@example.org", created_by="admin")
    key = f"failed:{run.statuses_seen.latest('pk').pk}"
    Delivery.objects.create(rule=rule, channel="email", event_key=key, body={"message": MARK}, due_at=now, sent_at=now)
    job = BatchJob.objects.create(
        operation="export", query=MARK, reason=MARK, parameters={"value": MARK}, actor=user, created_by="admin", total=1,
        token="mark",
    )  # fmt: skip
    BatchItem.objects.create(job=job, run=run)
    work_some()
    mine = {"actor": "olga", "connection_slug": run.connection.slug, "run_id": run.upstream_id}
    sent = {"method": "POST", "url": f"/{MARK}", "body": f'{{"metadata": {{"a": "{MARK}"}}}}'}
    intent = record_intent(action="modify_run", reason=MARK, sent=sent, before={"a": MARK}, **mine)
    record_outcome(intent, result="refused", after={"a": MARK}, upstream_message=MARK)
    of_thread = {"run_id": "", "thread_id": run.thread.upstream_id}
    record_refusal(action="create_run", message=MARK, **mine | of_thread)


def files_with_it() -> list[str]:
    """Names the files of the data folder, or the dump, that hold the marker."""
    kept = [path for path in Path(ours.FILES_DIR).rglob("*") if path.is_file()]
    name = database.settings_dict["NAME"]
    if database.vendor == "sqlite":
        kept += [Path(name), Path(f"{name}-wal")]
        return [path.name for path in kept if path.exists() and MARK.encode() in path.read_bytes().lower()]
    beside = os.pathsep.join((str(postgres.binaries()), os.environ.get("PATH", os.defpath)))
    to = database.settings_dict
    target = f"postgres://{to['USER']}@{to['HOST']}:{to['PORT']}/{name}"
    dump = subprocess.run([shutil.which("pg_dump", path=beside), target], capture_output=True, check=True).stdout
    return [path.name for path in kept if MARK.encode() in path.read_bytes()] + ["dump"] * (MARK.encode() in dump)


@pytest.mark.long
def test_nothing_of_it_is_left(marked: Run, admin: Client, viewer: Client) -> None:
    assert len(files_with_it()) >= 2  # the database and the export
    thread_id = marked.thread.upstream_id
    path = f"/threads/{thread_id}/purge/"
    assert admin.post(path, {"confirm": thread_id, "reason": "asked to"}).status_code == 302
    assert not Thread.objects.filter(upstream_id=thread_id).exists()
    roll_up()
    if database.vendor == "sqlite":
        assert "text index" in page_of(viewer.get(f"/threads/{thread_id}/"), status=410).one("main").text
    while not_overwritten().exists() and database.vendor == "sqlite":
        overwrite_words(within_s=0.01)
    assert files_with_it() == []
    assert PurgedThread.objects.filter(overwritten_at=None).exists() == (database.vendor == "postgresql")
    assert check_chain().broken == ""
    page = page_of(viewer.get("/audit/", {"run": marked.upstream_id}))
    assert len([row for row in page.all("tr", data_audit_id=True) if "Content purged" in row.text]) == 4
