"""What outlives the provider: pages render the archive when the upstream answers 404, 410 or nothing, and say so.

And what outlives RunsDash's own database: an export holds all that pages show.
"""

import re
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from runsdash.index.keeping.archive import meter_of
from runsdash.index.models import ArchivedFile, Connection, Run, StepBody, Thread
from runsdash.index.storage.bodies import shown
from runsdash.index.storage.sealed_keys import seal
from runsdash.sync import due
from runsdash.sync.archiving import archive_thread
from runsdash.sync.refresh import refresh_run, refresh_thread
from tests.emptied import empty_tables
from tests.pages import page_of
from tests.people import signed_in
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = "2026-01-01T00:00:00Z"


@pytest.fixture
def own_upstream() -> Iterator[Sandbox]:
    """A sandbox that a test may kill."""
    with Sandbox() as upstream:
        yield upstream


@pytest.fixture
def archived(own_upstream: Sandbox, db: None) -> Run:
    """A run with an image, a file search and a conversation, all of it archived."""
    connection = Connection.objects.create(
        slug="closing", name="closing", kind="sandbox", base_url=own_upstream.base_url,
        sealed_key=seal(own_upstream.api_key), timeout_s=5,
    )  # fmt: skip
    run = own_upstream.wait(own_upstream.run("/plot /search parcel /code 6*7"))
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    assert archive_thread(row.thread, within_s=20).is_complete
    Run.objects.update(checked_at=LONG_AGO, steps_checked_at=LONG_AGO)
    Thread.objects.update(checked_at=LONG_AGO)
    return Run.objects.select_related("thread").get()


def end(upstream: Sandbox, run: Run, how: str) -> None:
    match how:
        case "deleted":
            upstream.delete(f"/threads/{run.thread.upstream_id}")
        case "killed":
            upstream.kill()
        case "gone":
            upstream.fault(run.thread.upstream_id, "410", times=None)


@pytest.mark.parametrize("how", ["deleted", pytest.param("killed", marks=pytest.mark.long)])
def test_every_page_renders_the_archive(own_upstream: Sandbox, archived: Run, viewer: Client, how: str) -> None:
    path = f"/threads/{archived.thread.upstream_id}/runs/{archived.upstream_id}/"
    before = page_of(viewer.get(path))
    end(own_upstream, archived, how)
    Run.objects.update(checked_at=LONG_AGO, trouble=None)
    Thread.objects.update(checked_at=LONG_AGO, trouble=None)

    thread = viewer.get(f"/threads/{archived.thread.upstream_id}/")
    page = page_of(thread)
    assert "X-RunsDash-Stale" in thread
    assert "no longer" in page.one(id="trouble").text or "does not answer" in page.one(id="trouble").text
    assert len(page.one(id="conversation").all("article")) == 2
    assert page.one(id="thread-facts").one(data_archive="complete")

    page = settled(viewer, path)
    words = page.one(id="trouble").text + "".join(one.text for one in page.all(id="gone"))
    assert "no longer" in words or "does not answer" in words
    assert [one["data-step-id"] for one in page.all(data_step_id=True)] == [
        one["data-step-id"] for one in before.all(data_step_id=True)
    ]
    assert page.one(id="run-facts").one(data_archive="complete")

    talk = page_of(viewer.get(path, {"tab": "conversation"}))
    assert len(talk.all("article")) == 2
    for step in archived.steps.all():
        page = page_of(viewer.get(path, {"step": step.upstream_id}))
        assert page.one(id="step-detail").text
        assert viewer.get(f"{path}steps/{step.upstream_id}/raw.json").status_code == 200
    assert viewer.get(f"{path}raw.json").status_code == 200

    image = next(
        call["images"][0] for one in shown(StepBody.objects.all()) for call in one.preview["calls"] if call["images"]
    )
    assert viewer.get(f"/files/{image}/?connection=closing").content.startswith(b"\x89PNG")
    found = next(
        call["results"][0] for one in shown(StepBody.objects.all()) for call in one.preview["calls"] if call["results"]
    )
    assert found["content"]["text"]
    assert viewer.get(f"/files/{found['file_id']}/").status_code == 200


@pytest.fixture
def abandoned(connection: Connection, upstream: Sandbox, operator: Client) -> Run:
    """A run that waited for a person when its thread was deleted behind our back, after the worker's next look."""
    seeded = upstream.seed(status="requires_action", steps=1)
    operator.get(f"/threads/{seeded['thread_id']}/runs/{seeded['run_id']}/")
    upstream.delete(f"/threads/{seeded['thread_id']}")
    run = Run.objects.get()
    found = refresh_run(connection, thread_id=run.thread.upstream_id, run_id=run.upstream_id, max_age_s=0, wait_s=5)
    assert found.trouble["status"] == 404
    refresh_thread(connection, thread_id=run.thread.upstream_id, max_age_s=0, wait_s=5)
    return Run.objects.select_related("thread", "connection").get()


def test_a_run_of_a_deleted_thread_waits_for_nobody(abandoned: Run, operator: Client) -> None:
    assert abandoned.thread.is_gone
    assert abandoned.status == "requires_action"
    assert not Run.objects.waiting(timezone.now()).exists()
    assert not due.active(abandoned.connection).exists()
    for word in ("is:waiting", "is:overdue"):
        assert not page_of(operator.get("/runs/", {"q": word})).all(data_run_id=True), word
    assert not page_of(operator.get("/needs-action/")).all(data_run_id=True)

    path = f"/threads/{abandoned.thread.upstream_id}/"
    thread = page_of(operator.get(path))
    assert "Locked" not in thread.one(id="thread-lock").text
    assert "held" not in thread.one(id="thread-facts").text
    run = page_of(operator.get(f"{path}runs/{abandoned.upstream_id}/"))
    assert not run.one(id="tool-outputs-slot").all("form")
    assert "Live" not in run.one(id="run-head").text
    assert not run.all(id="edit-metadata")
    assert "Expires" not in run.one(id="run-facts").text


def test_what_is_late_on_a_deleted_thread_is_nobodys_task(abandoned: Run, operator: Client) -> None:
    Run.objects.update(expires_at=LONG_AGO)
    assert not Run.objects.overdue(timezone.now()).exists()
    assert not page_of(operator.get("/runs/", {"q": "is:overdue"})).all(data_run_id=True)
    assert not page_of(operator.get("/needs-action/")).all(data_run_id=True)


def test_a_rerun_of_it_goes_to_a_copy(abandoned: Run, operator: Client) -> None:
    page = page_of(operator.get(f"/threads/{abandoned.thread.upstream_id}/runs/{abandoned.upstream_id}/rerun/"))
    targets = {one["value"]: one for one in page.all("input", name="target")}
    assert "checked" in targets["copy"].attributes
    assert "disabled" in targets["thread"].attributes


def test_a_connection_is_healthy_though_one_thread_is_gone(abandoned: Run, operator: Client) -> None:
    assert Connection.objects.get().last_failure_at is None
    assert "Synced" in page_of(operator.get("/runs/")).one(id="sync-pill").text


def test_a_thread_is_looked_at_soon_when_its_run_is_gone(connection, upstream: Sandbox, operator: Client) -> None:
    seeded = upstream.seed(status="in_progress")
    operator.get(f"/threads/{seeded['thread_id']}/runs/{seeded['run_id']}/")
    Thread.objects.update(due_at="2999-01-01T00:00:00Z")
    upstream.delete(f"/threads/{seeded['thread_id']}")
    refresh_run(connection, thread_id=seeded["thread_id"], run_id=seeded["run_id"], max_age_s=0, wait_s=5)
    assert due.threads(connection, now=timezone.now(), most=5) == [Thread.objects.get()]


def settled(viewer: Client, path: str):
    """The page once the re-read in the background has found out."""
    import time

    deadline = time.monotonic() + 8
    viewer.get(path)
    while Run.objects.get().trouble is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return page_of(viewer.get(path))


@pytest.mark.long
def test_an_export_gives_an_empty_index_the_same_pages(archived: Run, viewer: Client, tmp_path) -> None:
    """Run, thread, files and meter; only how long ago it was is another."""
    thread = f"/threads/{archived.thread.upstream_id}/"
    run = f"{thread}runs/{archived.upstream_id}/"
    paths = [thread, *(f"{run}{tab}" for tab in ("", "?tab=conversation", "?tab=raw"))]
    paths += [f"{run}?step={step.upstream_id}" for step in archived.steps.all()]
    files = [f"/files/{one}/" for one in ArchivedFile.objects.values_list("upstream_id", flat=True)]
    Connection.objects.update(is_enabled=False)
    pages = [words_of(viewer.get(path)) for path in paths]
    contents, meter = [viewer.get(path).content for path in files], meter_of(archived.thread)
    call_command("export_runs", output=str(tmp_path / "export"))
    empty_tables()
    Connection.objects.create(slug="closing", name="closing", is_enabled=False)

    call_command("import_runs", str(tmp_path / "export"), connection="closing")

    viewer = signed_in("viewer")
    assert [words_of(viewer.get(path)) for path in paths] == pages
    assert [viewer.get(path).content for path in files] == contents
    assert any(content.startswith(b"\x89PNG") for content in contents)
    assert meter_of(Thread.objects.get()) == meter
    assert meter.is_complete


def words_of(answer: HttpResponse) -> list[str]:
    """What a page says and links to, but for ages and our keys, which another connection's number makes others."""
    main = page_of(answer).one("main")
    links = [one.get("href") or one.get("src") or "" for one in [*main.all("a"), *main.all("img")]]
    links = [re.sub(r"#message-\d+$", "#message-…", link) for link in links]
    return [*re.sub(r"\d+ (?:s|min) ago", "… ago", main.text).split(), *links]


def test_a_disabled_connection_still_shows_its_files(own_upstream: Sandbox, archived: Run, viewer: Client) -> None:
    own_upstream.kill()
    Connection.objects.update(is_enabled=False)
    image = next(
        call["images"][0] for one in shown(StepBody.objects.all()) for call in one.preview["calls"] if call["images"]
    )
    assert viewer.get(f"/files/{image}/").status_code == 200
    assert viewer.get("/files/file-never-seen/").status_code == 404
