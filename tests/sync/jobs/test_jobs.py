"""Jobs: claimed once, gone on with where the last worker stopped, given up when there is no point."""

import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.db import connections
from django.utils import timezone

from runsdash.index.models import Job, PurgedThread, Run, RunStep, Thread
from runsdash.sync.jobs import import_jobs, jobs, thread_jobs  # noqa: F401  they register their kinds
from runsdash.sync.jobs.job_files import LEFT_AFTER_S, delete_left_uploads
from runsdash.sync.jobs.jobs import JobKind, add_job, cancel_job, claim_job, work_on, work_on_all
from tests.index.importing.test_import import past
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = Event()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A kind of job, `counting`, that counts to its total, a number a piece."""
    counted: list[int] = []

    def work(job: Job):
        for number in range(job.place.get("next", 0), job.progress["total"]):
            counted.append(number)
            job.place, job.progress = {"next": number + 1}, job.progress | {"done": number + 1}
            yield

    monkeypatch.setitem(jobs.KINDS, "counting", JobKind(work, is_alone=False))
    return counted


@pytest.fixture
def files(settings, tmp_path: Path) -> Path:
    settings.FILES_DIR = tmp_path
    return tmp_path


def worked(job: Job, *, stop: Event = NEVER) -> Job:
    work_on(claim_job(), stop=stop)
    job.refresh_from_db()
    return job


def test_a_job_is_done_once(counting):
    job = add_job("counting", total=4)

    assert work_on_all(stop=NEVER) == 1
    assert work_on_all(stop=NEVER) == 0

    job.refresh_from_db()
    assert (job.state, job.progress["done"], counting) == ("done", 4, [0, 1, 2, 3])
    assert job.started_at < job.ended_at
    assert (job.lease_until, job.lease_token) == (None, "")


def test_of_many_workers_one_gets_a_job(counting):
    for _ in range(20):
        add_job("counting", total=1)

    assert sorted(claimed_at_once(4)) == sorted(Job.objects.values_list("pk", flat=True))


def claimed_at_once(workers: int) -> list[int]:
    """Keys of all jobs that so many workers claim side by side until none is left."""
    barrier, claimed = threading.Barrier(workers), []

    def claim() -> None:
        barrier.wait()
        while job := claim_job():
            claimed.append(job.pk)
        connections.close_all()

    threads = [threading.Thread(target=claim) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return claimed


@pytest.mark.clock
def test_what_a_killed_worker_left_is_gone_on_with_where_it_stopped(counting):
    job = add_job("counting", total=4)
    claim_job()
    Job.objects.update(place={"next": 3}, lease_until=timezone.now() + timedelta(seconds=0.3))
    assert claim_job() is None
    time.sleep(0.4)

    assert worked(job).state == "done"
    assert counting == [3]


def test_a_stopped_worker_frees_its_job(counting):
    job, stop = add_job("counting", total=4), Event()
    stop.set()

    assert worked(job, stop=stop).state == "waiting"
    assert job.place == {"next": 1}
    assert worked(job).state == "done"
    assert counting == [0, 1, 2, 3]


def test_a_cancelled_job_stops_before_its_next_piece(counting):
    job = add_job("counting", total=4)
    claimed = claim_job()
    assert cancel_job(job)

    work_on(claimed, stop=NEVER)

    job.refresh_from_db()
    assert (job.state, counting) == ("cancelled", [0])
    assert not cancel_job(job)


def test_who_lost_the_lease_stops_and_changes_nothing(counting):
    job = add_job("counting", total=4)
    claimed = claim_job()
    Job.objects.update(lease_token="of-another", place={"next": 2})

    work_on(claimed, stop=NEVER)

    job.refresh_from_db()
    assert (job.state, job.place, job.lease_token) == ("running", {"next": 2}, "of-another")


def test_a_failing_job_is_tried_again_later_and_given_up_in_the_end(counting, caplog):
    def fails(job: Job):
        raise ValueError("no such luck")
        yield

    jobs.KINDS["counting"] = JobKind(fails, is_alone=False)
    job = add_job("counting", total=4)
    for attempt in range(jobs.ATTEMPTS):
        job = worked(job)
        assert (job.state, job.attempts) == ("waiting", attempt + 1)
        assert job.lease_until > timezone.now()
        assert claim_job() is None
        Job.objects.update(lease_until=None)

    assert claim_job() is None
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "ValueError: no such luck")


def test_progress_makes_attempts_count_anew(counting):
    job = add_job("counting", total=3)
    Job.objects.update(attempts=jobs.ATTEMPTS - 1)

    assert worked(job).state == "done"
    assert job.attempts == 0


def test_of_a_kind_that_is_alone_one_works_after_the_other(counting):
    jobs.KINDS["counting"] = JobKind(jobs.KINDS["counting"].work, is_alone=True)
    first, second = add_job("counting", total=1), add_job("counting", total=1)
    claimed = claim_job()
    assert claimed.pk == first.pk
    assert claim_job() is None

    work_on(claimed, stop=NEVER)

    assert claim_job().pk == second.pk


def test_many_workers_that_claim_at_once_get_one_job_of_a_kind_that_is_alone(counting):
    jobs.KINDS["counting"] = JobKind(jobs.KINDS["counting"].work, is_alone=True)
    for _ in range(20):
        add_job("counting", total=1)

    assert len(claimed_at_once(4)) == 1


def test_a_kind_nobody_knows_here_is_left_to_others(counting):
    add_job("of another version")
    assert claim_job() is None


def test_a_long_piece_keeps_its_lease():
    job = add_job("add_threads")
    claim_job()
    Job.objects.update(lease_until=timezone.now())

    jobs.renew()

    job.refresh_from_db()
    assert job.lease_until > timezone.now() + jobs.LEASE / 2


# The kinds there are


def test_threads_are_added_by_the_worker(connection, upstream):
    ids = [f"thread_{number}" for number in range(1200)]
    PurgedThread.objects.create(connection=connection, upstream_id=ids[700])
    job = add_job(
        "add_threads", connection=connection, created_by="olga", parameters={"thread_ids": [*ids, "", ids[0]]}
    )

    work_on_all(stop=NEVER)

    job.refresh_from_db()
    assert (job.state, job.progress["done"], job.progress["total"]) == ("done", 1202, 1202)
    assert job.progress["note"] == "1 purged thread came back"
    assert Thread.objects.filter(added_by="olga", due_at__isnull=False).count() == 1200


def test_threads_of_a_file_are_added(files):
    (files / "ids.txt").write_text("thread_a\n\n thread_b \n")
    add_job("add_threads", connection=made_connection(), file_name="ids.txt")

    work_on_all(stop=NEVER)

    assert set(Thread.objects.values_list("upstream_id", flat=True)) == {"thread_a", "thread_b"}


def test_no_row_leads_out_of_the_folder(files, settings):
    settings.FILES_DIR = files / "inside"
    settings.FILES_DIR.mkdir()
    (files / "secret.txt").write_text("thread_a\n")
    job = add_job("add_threads", connection=made_connection(), file_name="../secret.txt")

    work_on_all(stop=NEVER)

    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "Its file is no longer there.")
    assert not Thread.objects.exists()


def test_without_its_connection_a_job_fails():
    job = add_job("add_threads", parameters={"thread_ids": ["thread_a"]})
    assert worked(job).state == "failed"


def test_a_file_of_runs_is_imported_also_when_steps_stand_first(files):
    runs = [run_object(id=f"run_{number}", thread_id="thread_a") for number in range(30)]
    write_lines(files / "runs.jsonl", [*(step_of(run) for run in runs), *runs])
    prod = made_connection()
    PurgedThread.objects.create(connection=prod, upstream_id="thread_a")
    job = add_job("import_runs", connection=prod, file_name="runs.jsonl")

    work_on_all(stop=NEVER)

    job.refresh_from_db()
    assert job.state == "done", job.error
    assert job.progress["note"] == "30 runs, 1 purged thread came back"
    assert job.progress["done"] == job.progress["total"] > 0
    assert (Run.objects.count(), RunStep.objects.count()) == (30, 30)


ENDS = {"done": "done", "failed": "failed", "cancelled": "cancelled", "given up": "failed", "stopped": "waiting"}


@pytest.mark.parametrize("kind", ["add_threads", "find_threads", "import_runs"])
@pytest.mark.parametrize("way", ENDS)
def test_a_file_is_there_until_its_job_is_over(files, kind, way):
    """Of every kind that reads a file, whatever its end is."""
    lines = write_lines(files / "upload-1.txt", [run_object(id=f"run_{n}", thread_id=f"thread_{n}") for n in range(3)])
    prod = None if way == "failed" else made_connection()
    job = add_job(kind, connection=prod, file_name="upload-1.txt", total=sum(map(len, lines)))
    if way == "cancelled":
        assert cancel_job(job)
    elif way == "given up":
        Job.objects.update(attempts=jobs.ATTEMPTS)
        assert claim_job() is None
    else:
        stop = Event()
        if way == "stopped":
            stop.set()
        work_on(claim_job(), stop=stop)
    job.refresh_from_db()
    assert job.state == ENDS[way]
    assert (files / "upload-1.txt").exists() == (way == "stopped")


def test_an_upload_that_no_job_is_for_goes_after_a_day(files):
    old = time.time() - LEFT_AFTER_S - 1
    for name in ("upload-left.txt", "upload-open.txt", "upload-new.txt", "runs-1.jsonl"):
        (files / name).write_text("thread_a")
        os.utime(files / name, (old, old) if "new" not in name else None)
    add_job("add_threads", file_name="upload-open.txt")
    delete_left_uploads()
    assert {path.name for path in files.iterdir()} == {"upload-open.txt", "upload-new.txt", "runs-1.jsonl"}


def test_an_import_goes_on_at_its_place(files):
    runs = [run_object(id=f"run_{number}", thread_id=f"thread_{number}") for number in range(20)]
    lines = write_lines(files / "runs.jsonl", runs)
    job = add_job("import_runs", connection=made_connection(), file_name="runs.jsonl")
    Job.objects.update(place={"byte": sum(len(line) for line in lines[:15]), "line": 15})

    assert worked(job).state == "done"
    assert Run.objects.count() == 5


@pytest.mark.long
def test_lists_one_after_the_other_are_sorted_once_and_gone_on_with(files):
    """Whoever takes over reads the sorted lines from the place of the last piece, and they go with the job."""
    raws = past(300, body_bytes=3000)
    kinds = ("thread", "thread.run.step", "thread.message", "thread.run")
    lines = write_lines(files / "lists.jsonl", [raw for kind in kinds for raw in raws if raw["object"] == kind])
    (files / "lists.jsonl.sorting").write_bytes(b"what a killed worker left")
    prod = made_connection()
    job = add_job("import_runs", connection=prod, file_name="lists.jsonl")
    pieces = jobs.KINDS["import_runs"].work(job)
    places = [job.place for _, _ in zip(range(3), pieces, strict=False)]
    assert [one.get("is_sorted") for one in places] == [None, True, True]
    assert places[2]["byte"] > 0
    assert 0 < Run.objects.count() < 300
    assert not (files / "lists.jsonl.sorting").exists()
    (files / "lists.jsonl").write_bytes(b"nobody reads it again")
    pieces.close()
    Job.objects.update(place=job.place, progress=job.progress)

    assert worked(job).state == "done"
    job.refresh_from_db()
    assert job.progress["done"] == job.progress["total"] > sum(map(len, lines))
    assert (Run.objects.count(), job.place["orphan_steps"], job.place["refused"]) == (300, 0, 0)
    assert Run.objects.filter(question="").count() < 300
    assert not list(files.glob("lists*"))


def write_lines(path: Path, objects: list[dict]) -> list[bytes]:
    lines = [json.dumps(one).encode() + b"\n" for one in objects]
    path.write_bytes(b"".join(lines))
    return lines


def step_of(run: dict) -> dict:
    return {
        "id": run["id"].replace("run_", "step_"), "object": "thread.run.step", "run_id": run["id"],
        "thread_id": run["thread_id"], "assistant_id": run["assistant_id"], "type": "message_creation",
        "status": "completed", "created_at": run["created_at"], "completed_at": run["created_at"] + 1,
        "step_details": {"type": "message_creation", "message_creation": {"message_id": "msg_a"}},
    }  # fmt: skip
