"""A disk that is full, or a database that takes no writes: every door refuses with 503 and a sentence, sends nothing
upstream, keeps what was typed, and takes the same form once there is room again."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client

from runsdash.accounts.tokens import new_token
from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection, Job, Run, Thread
from runsdash.index.storage.unwritable import FULL, READ_ONLY
from runsdash.sync.jobs.jobs import ATTEMPTS, add_job, claim_job, work_on
from runsdash.sync.refresh import refresh_run
from tests.dashboard.admin.test_connections import TYPED as CONNECTION
from tests.dashboard.admin.test_notifications import TYPED as RULE
from tests.dashboard.admin.test_users import TYPED as USER
from tests.dashboard.shell.test_full_disk import failing, nothing_is_written
from tests.pages import page_of, parsed
from tests.people import HTMX, PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
OURS = {"Origin": "http://testserver"}
WORDS = "typed with care"
RUN = "/threads/{thread}/runs/{run}/"
# Address and fields of each form, in an order in which each works once. `{call}` is the one that the run waits for.
DOORS: dict[str, tuple[str, dict[str, object]]] = {
    "profile": ("/profile/", {"theme": "dark", "time_zone": "Europe/Vienna"}),
    "theme": ("/profile/theme/", {"theme": "light"}),
    "time zone": ("/profile/time-zone/", {"time_zone": "Europe/Lisbon"}),
    "token": ("/profile/tokens/", {"name": WORDS, "scopes": ["export"], "days": "30"}),
    "columns": ("/runs/columns/", {"col": ["cost"]}),
    "saved view": ("/runs/views/", {"name": WORDS, "query": "status:failed"}),
    "user": ("/users/new/", USER),
    "rule": ("/notifications/new/", RULE),
    "connection": ("/connections/new/", CONNECTION | {"do": "anyway"}),
    "threads": ("/threads/add/?connection=sandbox", {"ids": "thread_abcdefgh12345678"}),
    "function": ("/functions/get_stock/templates/", {"name": WORDS, "text": '{"left": 7}'}),
    "note": (RUN + "notes/", {"text": WORDS}),
    "label": (RUN + "labels/", {"name": "checked", "label": "checked"}),
    "thread note": ("/threads/{thread}/notes/", {"text": WORDS}),
    "claim": (RUN + "tool-outputs/claim/", {}),
    "draft": (RUN + "tool-outputs/draft/", {"output-{call}": WORDS}),
    "metadata": (RUN + "metadata/", {"metadata-0-key": "note", "metadata-0-value": WORDS, "token": "m"}),
    "outputs": (RUN + "tool-outputs/", {"output-{call}": WORDS, "token": "o"}),
    "rerun": (RUN + "rerun/", {"assistant_id_typed": "asst_sandbox_dispatch", "thread-message_text": WORDS, "token": "r"}),
    "batch": ("/bulk/new/", {"run": "{key}", "operation": "export", "token": "b"}),
    "archive": ("/threads/{thread}/archive/", {}),
    "delete": ("/threads/{other}/delete/", {"confirm": "{other}", "anyway": "yes", "token": "d"}),
    "purge": ("/threads/{other}/purge/", {"confirm": "{other}", "reason": WORDS}),
}  # fmt: skip


def filled(value: object, names: dict[str, str]) -> object:
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
    return value


def doors(connection: Connection, start) -> dict[str, tuple[str, dict[str, object]]]:
    run, other = start("/tool get_stock", until="requires_action"), start("hello", until="completed")
    rows = [refresh_run(connection, thread_id=one["thread_id"], run_id=one["id"]) for one in (run, other)]
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    names = {
        "thread": run["thread_id"], "run": run["id"], "call": call["id"], "key": str(rows[0].pk), "other": other["thread_id"],
    }  # fmt: skip
    return {
        door: (
            str(filled(path, names)),
            {str(filled(name, names)): filled(value, names) for name, value in typed.items()},
        )
        for door, (path, typed) in DOORS.items()
    }


def test_every_door_refuses_and_opens_again(admin, connection, upstream, start):
    every = doors(connection, start)
    upstream.clear_requests()
    before, wrong = AuditEntry.objects.count(), {}
    for door, (path, typed) in every.items():
        with nothing_is_written():
            answers = [admin.post(path, typed, headers=headers) for headers in (OURS, HTMX)]
        if fault := fault_of(*answers, typed):
            wrong[door] = fault
    assert wrong == {}
    assert upstream.requests(method="POST") == upstream.requests(method="DELETE") == []
    assert AuditEntry.objects.count() == before
    statuses = {door: admin.post(path, typed, headers=OURS).status_code for door, (path, typed) in every.items()}
    assert {door: status for door, status in statuses.items() if status >= 400} == {}


def fault_of(plain: HttpResponse, live: HttpResponse, typed: dict[str, object]) -> str:
    """What is wrong with two refusals, as a page and for htmx; nothing when both say why and no text is lost."""
    if (plain.status_code, live.status_code) != (503, 503):
        return f"{plain.status_code}, {live.status_code}"
    page, partial = parsed(plain), parsed(live).one("hx-partial")
    for part in (page.one("main"), partial):
        if READ_ONLY not in part.text or "This was not stored." not in part.text:
            return part.text[:300]
    kept = {one.get("value", "") for one in page.all("input")} | {one.text for one in page.all("textarea")}
    return "" if {value for value in typed.values() if value == WORDS} <= kept else "what was typed is lost"


def test_signing_in_and_out_waits_for_room(admin: Client):
    stranger, typed = Client(), {"login": "admin", "password": PASSWORD}
    stranger.raise_request_exception = admin.raise_request_exception = False
    with nothing_is_written():
        assert stranger.get("/accounts/login/").status_code == 200
        page = page_of(stranger.post("/accounts/login/", typed), status=503)
        assert page_of(admin.post("/accounts/logout/"), status=503)
        assert admin.get("/runs/").status_code == 200
    assert READ_ONLY in page.text
    assert PASSWORD not in str([one.attributes for one in page.descendants()])
    assert stranger.post("/accounts/login/", typed).status_code == 302
    assert admin.post("/accounts/logout/").status_code == 302


def test_programs_are_told_to_send_again_and_still_read(connection: Connection):
    token, secret = new_token(name="ci", scopes=["ingest", "export"], user=None, days=None)
    token.save()
    run = {
        "id": "run_a",
        "object": "thread.run",
        "thread_id": "thread_a",
        "status": "completed",
        "created_at": 1764000000,
    }
    headers = {"Authorization": f"Bearer {secret}"}

    def sent() -> object:
        return Client().post("/ingest/sandbox/", json.dumps(run), content_type="application/json", headers=headers)

    with nothing_is_written():
        refused = sent()
        exported = Client().get("/runs/export.jsonl", headers=headers)
    assert (refused.status_code, refused["Retry-After"]) == (503, "60")
    assert refused.json()["error"] == {"code": "unwritable", "message": f"{READ_ONLY} Send it again later."}
    assert exported.status_code == 200
    assert sent().status_code == 200
    assert Run.objects.get().upstream_id == "run_a"


def test_an_upload_that_finds_no_room_leaves_nothing(operator: Client, connection, settings, tmp_path: Path):
    settings.FILES_DIR = tmp_path
    content = b"No id.\n" * 300_000 + b"thread_abcdefgh12345678"
    with files_end_at(1024 * 1024):
        page = page_of(operator.post("/threads/add/", {"file": SimpleUploadedFile("ids.txt", content)}), status=503)
    assert FULL in page.text
    assert not Job.objects.exists()
    assert list(tmp_path.iterdir()) == []
    assert operator.post("/threads/add/", {"file": SimpleUploadedFile("ids.txt", content)}).status_code == 303


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """The system lets no file of this process grow further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_sent_is_not_called_unsent(operator: Client, connection, upstream, start):
    """The database takes the intent and fails before the outcome: what was sent is found out by reading."""
    run = start("/tool get_stock", until="requires_action")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.clear_requests()
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/cancel/"

    def full_once_it_is_sent(execute, sql, params, many, context):
        if upstream.requests(method="POST"):
            failing(OperationalError("disk is full"))()
        return execute(sql, params, many, context)

    operator.raise_request_exception = False
    with database.execute_wrapper(full_once_it_is_sent):
        answer = operator.post(path, {"token": "c"}, headers=OURS)
    assert answer.status_code == 503
    assert "This was not stored" not in parsed(answer).text
    assert "It may have been sent" in parsed(answer).text
    assert [one["path"].endswith("/cancel") for one in upstream.requests(method="POST")] == [True]
    assert AuditEntry.objects.get(kind="intent").token == "c"
    again = operator.post(path, {"token": "c"}, headers=OURS)  # and it is not sent again
    assert again.status_code < 500
    assert len(upstream.requests(method="POST")) == 1


def test_a_job_waits_for_room_and_uses_up_no_tries(connection: Connection, settings, tmp_path: Path):
    settings.FILES_DIR = tmp_path
    (tmp_path / "ids.txt").write_text("thread_abcdefgh12345678\n")
    job = add_job("find_threads", connection=connection, file_name="ids.txt")

    def no_room_for_threads(execute, sql, params, many, context):
        if "INSERT" in sql and "index_thread" in sql:
            failing(OperationalError("disk is full"))()
        return execute(sql, params, many, context)

    for _ in range(ATTEMPTS + 2):
        with database.execute_wrapper(no_room_for_threads):
            work_on(claim_job(), stop=Event())
        assert claim_job() is None  # not at once
        Job.objects.update(lease_until=None)
    assert Job.objects.get(pk=job.pk).state == "waiting"
    work_on(claim_job(), stop=Event())
    assert Job.objects.get(pk=job.pk).state == "done"
    assert Thread.objects.count() == 1
