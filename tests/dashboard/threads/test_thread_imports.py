"""Adding threads from files: small ones at once, large ones by a worker, with progress."""

import gzip
import json
import os
from pathlib import Path
from threading import Event

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from runsdash.audit.models import AuditEntry
from runsdash.dashboard.shell.uploads import MAX_UPLOAD_BYTES, UploadRefused, keep_upload
from runsdash.index.models import Job, PurgedThread, Thread
from runsdash.sync.jobs.jobs import claim_job, work_on
from runsdash.sync.jobs.thread_jobs import MAX_LINE_BYTES
from tests.pages import page_of
from tests.rows import made_connection

pytestmark = pytest.mark.django_db
ADD, IMPORTS = "/threads/add/", "/threads/imports/"


@pytest.fixture
def prod(db: None):
    return made_connection()


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    settings.FILES_DIR = tmp_path
    return tmp_path


def log(count: int, *, first: int = 0) -> bytes:
    lines = (
        f'{{"level": "info", "thread": "thread_{n:024d}", "run_id": "run_{n:024d}"}}'
        for n in range(first, first + count)
    )
    return "\n".join(lines).encode()


def sent(client: Client, content: bytes, **more: str):
    return client.post(ADD, {"file": SimpleUploadedFile("log.jsonl", content), **more})


def work() -> Job:
    job = claim_job()
    work_on(job, stop=Event())
    return Job.objects.get(pk=job.pk)


def test_a_small_file_is_read_at_once(operator: Client, prod, folder: Path) -> None:
    assert sent(operator, log(20), ids="thread_pasted").status_code == 303
    assert Thread.objects.count() == 21
    assert not Job.objects.exists()
    assert os.listdir(folder) == []


def test_a_large_file_is_left_to_a_worker(operator: Client, viewer: Client, prod, folder: Path) -> None:
    PurgedThread.objects.create(connection=prod, upstream_id="thread_000000000000000000000007")
    answer = sent(operator, log(1700), ids="thread_pasted")
    assert (answer.status_code, answer["Location"]) == (303, "/threads/?sort=-added_at")
    assert not Thread.objects.exists()
    waiting = page_of(viewer.get(IMPORTS)).one("section", id="imports")
    assert waiting["hx-trigger"] == "every 1s"
    assert waiting.one("div", data_state="waiting").one("progress")["value"] == "0"
    assert page_of(viewer.get("/threads/")).one("section", id="imports").one("progress")

    job = work()

    assert (job.kind, job.state, job.created_by) == ("find_threads", "done", "operator")
    assert Thread.objects.filter(added_by="operator", due_at__isnull=False).count() == 1701
    assert not PurgedThread.objects.exists()
    assert job.progress["done"] == job.progress["total"]
    assert os.listdir(folder) == []
    done = page_of(viewer.get(IMPORTS)).one("section", id="imports")
    assert done.get("hx-trigger") is None
    assert "1,701 new of 1,701 ids, 1 purged thread came back" in done.one("div", data_state="done").text
    outcome = AuditEntry.objects.get(kind="outcome")
    assert (outcome.action, outcome.actor, outcome.after["job"]) == ("add_threads", "operator", job.pk)


def test_many_pasted_ids_are_left_to_a_worker(operator: Client, prod, folder: Path) -> None:
    assert operator.post(ADD, {"ids": log(600).decode()}).status_code == 303
    assert work().state == "done"
    assert Thread.objects.count() == 600


def test_gzip_is_unpacked(operator: Client, prod, folder: Path) -> None:
    assert sent(operator, gzip.compress(log(900))).status_code == 303
    assert work().state == "done"
    assert Thread.objects.count() == 900


def test_an_import_can_be_stopped(operator: Client, viewer: Client, prod, folder: Path) -> None:
    sent(operator, log(1700))
    job = Job.objects.get()
    path = page_of(operator.get(IMPORTS)).one("form")["action"]
    assert page_of(viewer.get(IMPORTS)).all("form") == []
    assert viewer.post(path).status_code == 403
    assert operator.get(path).status_code == 405
    assert operator.post(f"{IMPORTS}{job.pk + 1}/stop/").status_code == 404

    assert operator.post(path)["Location"] == "/threads/"

    assert claim_job() is None
    assert os.listdir(folder) == []
    shown = page_of(operator.get("/threads/"))
    assert "cancelled" in shown.one("div", data_state="cancelled").text
    assert "was stopped" in shown.one(id="toasts").text
    operator.post(path)
    outcomes = AuditEntry.objects.filter(kind="outcome", action="stop_import").order_by("pk")
    assert [one.after["is_stopped"] for one in outcomes] == [True, False]


def test_a_broken_import_goes_on_where_it_stopped(operator: Client, prod, folder: Path) -> None:
    sent(operator, log(1700))
    stopped = Event()
    stopped.set()
    job = claim_job()
    work_on(job, stop=stopped)
    job.refresh_from_db()
    assert (job.state, Thread.objects.count()) == ("waiting", 500)
    assert 0 < job.place["byte"] < job.progress["total"]
    assert work().state == "done"
    assert Thread.objects.count() == 1700


def test_a_second_import_of_the_same_adds_nothing(operator: Client, prod, folder: Path) -> None:
    for _ in range(2):
        sent(operator, log(1000))
        job = work()
    assert Thread.objects.count() == 1000
    assert job.progress["note"] == "0 new of 1,000 ids"


def test_a_line_without_end_does_no_harm(operator: Client, prod, folder: Path) -> None:
    sent(operator, b"x" * (MAX_LINE_BYTES * 3 // 2) + b"\n" + log(3))
    assert work().state == "done"
    assert Thread.objects.filter(upstream_id__startswith="thread_").count() == 3


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"nothing here", "no thread id"),
        (b"\x1f\x8b" + b"broken" * 20, "damaged"),
        (b"", "choose a file"),
    ],
)
def test_what_cannot_be_added_is_explained(operator: Client, prod, folder: Path, content: bytes, word: str) -> None:
    page = page_of(sent(operator, content), status=422)
    assert word in page.one("p", id="add-err").text
    assert os.listdir(folder) == []
    assert not Job.objects.exists()


BAD_FILES = {
    "cut": (lambda log: gzip.compress(log)[:-12], "cut off"),
    "cut in its second part": (lambda log: gzip.compress(log[:900]) + gzip.compress(log[900:])[:-12], "cut off"),
    "with words behind": (lambda log: gzip.compress(log) + b"words", "damaged"),
    "UTF-16": (lambda log: log.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (lambda log: log.decode().encode("utf-16-be"), "UTF-16"),
    "packed UTF-16": (lambda log: gzip.compress(log.decode().encode("utf-16")), "UTF-16"),
}


@pytest.mark.parametrize(("harm", "word"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("count", [20, 1700])
def test_what_could_be_read_in_part_only_is_refused(operator, prod, folder, harm, word, count) -> None:
    page = page_of(sent(operator, harm(log(count)), ids="thread_pasted"), status=422)
    assert word in page.one("p", id="add-err").text
    assert page.one("textarea", name="ids").text == "thread_pasted"
    assert os.listdir(folder) == []
    assert not Thread.objects.exists()


def as_reply(content: bytes) -> bytes:
    data = b",".join(line.replace(b'"level": "info"', b'"object": "thread.run"') for line in content.splitlines())
    return b'{"object": "list", "data": [' + data.replace(b'"thread"', b'"thread_id"') + b"]}"


SHAPES = {
    "gzip in parts": lambda log: gzip.compress(log[:9000]) + gzip.compress(log[9000:]) + bytes(10),
    "gzip that unpacks a hundredfold": lambda log: gzip.compress(log + b" " * 5_000_000),
    "an array": lambda log: b"[" + b",".join(log.splitlines()) + b"]",
    "a list reply": as_reply,
    "a spread list reply": lambda log: json.dumps(json.loads(as_reply(log)), indent=2).encode(),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("count", [20, 1700])
def test_every_thread_of_a_file_is_added(operator, prod, folder, shape, count) -> None:
    assert sent(operator, shape(log(count)), ids="thread_pasted").status_code == 303
    while Job.objects.filter(state="waiting").exists():
        assert work().state == "done"
    assert Thread.objects.count() == count + 1


@pytest.mark.long
def test_no_id_is_read_in_two_parts(operator, prod, folder: Path) -> None:
    """A line of several megabytes is read in parts, wherever an id stands."""
    ids = [f"thread_{number:024d}" for number in range(36_000)]
    assert sent(operator, ('["' + '","'.join(ids) + '"]').encode()).status_code == 303
    assert work().state == "done"
    assert set(Thread.objects.values_list("upstream_id", flat=True)) == set(ids)


def test_too_large_a_file_is_refused(operator: Client, prod, folder: Path) -> None:
    page = page_of(sent(operator, bytes(MAX_UPLOAD_BYTES + 1)), status=422)
    assert "larger than 50 MB" in page.one("p", id="add-err").text
    assert os.listdir(folder) == []


def test_what_unpacks_to_too_much_is_refused(folder: Path) -> None:
    with pytest.raises(UploadRefused, match="larger than"):
        keep_upload([gzip.compress(b"thread_a\n" * 1_000_000)], most=1_000_000)
    assert os.listdir(folder) == []


def test_a_lost_file_fails_the_job_in_words(operator: Client, viewer: Client, prod, folder: Path) -> None:
    sent(operator, log(1700))
    for name in os.listdir(folder):
        (folder / name).unlink()
    assert work().state == "failed"
    assert "no longer there" in page_of(viewer.get(IMPORTS)).one("p", class_="err").text


def test_who_may_add_files(client: Client, viewer: Client, operator: Client, prod, folder: Path, settings) -> None:
    assert sent(client, log(1700)).status_code == 302
    assert sent(viewer, log(1700)).status_code == 403
    settings.RUNSDASH_READ_ONLY = True
    assert sent(operator, log(1700)).status_code == 403
    assert os.listdir(folder) == []
    assert client.get(IMPORTS).status_code == 302
    assert viewer.post(IMPORTS).status_code == 405
    assert page_of(viewer.get(IMPORTS)).one("section", id="imports").get("hidden") is not None
