"""A provider that closes: a banner before, one button that archives the rest, and an archive that stays readable after."""

from datetime import date, timedelta
from threading import Event

import pytest
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection, Job, Run, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync.gone_servers import is_suspect, look_at
from runsdash.sync.jobs.jobs import work_on_all
from runsdash.sync.worker import Worker
from tests.pages import page_of, partials_of
from tests.people import HTMX
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/connections/sandbox/archive/"


def closes_in(connection: Connection, days: int) -> None:
    connection.sunset_on = timezone.now().date() + timedelta(days=days)
    connection.save()


def test_before_the_last_day_a_banner_leads_to_the_archive(viewer, operator, connection, start):
    run = start("hello", until="completed")
    operator.get(f"/threads/{run['thread_id']}/runs/{run['id']}/")
    assert not page_of(viewer.get("/runs/")).all(data_retiring=True)
    closes_in(connection, 11)
    banner = page_of(viewer.get("/runs/")).one("div", data_retiring="sandbox")
    assert "closes in 12 days" in banner.text
    assert "1 of its runs is not archived" in banner.text
    assert banner.one("a")["href"] == PATH
    assert not banner.all("form")
    form = page_of(operator.get("/runs/")).one("div", data_retiring="sandbox").one("form")
    assert (form["action"], form["method"]) == (PATH, "post")
    page = page_of(viewer.get(PATH))
    assert "0 % of the known runs" in page.one("section", id="archive").text
    assert "Estimate" in page.one("section", id="archive").text
    assert not page.one("section", id="archive").all("form")
    assert viewer.post(PATH).status_code == 403
    closes_in(connection, 200)
    assert not page_of(viewer.get("/runs/")).all(data_retiring=True)


def test_one_button_archives_all_that_is_missing(operator, connection, start):
    runs = [start("hello", until="completed") for _ in range(3)]
    ensure_threads(connection, [run["thread_id"] for run in runs])
    closes_in(connection, 11)
    assert operator.post(PATH).status_code == 302
    assert operator.post(PATH).status_code == 302
    assert Job.objects.get().progress["total"] == 3
    assert AuditEntry.objects.filter(action="archive_connection", kind="outcome", result="done").count() == 2
    work_on_all(stop=Event())
    assert Job.objects.get().state == "done"
    assert Thread.objects.filter(has_all_runs=True, has_all_messages=True).count() == 3
    assert Run.objects.filter(archived_at__isnull=False).count() == 3
    page = page_of(operator.get(PATH))
    assert "100 % of the known runs" in page.one("section", id="archive").text
    assert page.one("p", id="archiving")["data-state"] == "done"
    assert not page.one("section", id="archive").all("form")


def test_the_page_asks_again_while_a_worker_archives(operator, connection, start):
    run = start("hello", until="completed")
    ensure_threads(connection, [run["thread_id"]])
    page = page_of(operator.get(PATH))
    assert not page.all(id="poll")
    assert page.one("section", id="archive").one("form")["action"] == PATH
    assert operator.post(PATH).status_code == 302
    page = page_of(operator.get(PATH))
    assert not page.one("section", id="archive").all("form")
    poll = page.one(id="poll")
    assert poll["hx-get"] == PATH
    asked = HTMX | {"HX-PTag": poll["hx-ptag"]}
    assert operator.get(PATH, headers=asked).status_code == 304
    work_on_all(stop=Event())
    answer = operator.get(PATH, headers=asked)
    shown = partials_of(answer)
    assert shown["#archive"].one("p", id="archiving")["data-state"] == "done"
    assert not shown["#asking"].all(id="poll")
    assert shown["#asking"].all(id="frame-poll")


def test_after_the_last_day_nothing_is_asked_and_all_stays_readable(operator, connection, upstream, start):
    run = start("hello", until="completed")
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/"
    assert operator.get(path).status_code == 200
    closes_in(connection, -1)
    upstream.clear_requests()
    assert Worker().run_until_idle(seconds=5)
    for page in (path, f"/threads/{run['thread_id']}/", "/runs/", "/", PATH):
        assert operator.get(page).status_code == 200
    assert operator.get("/threads/thread_unknown/runs/run_unknown/?connection=sandbox").status_code == 404
    assert operator.post(f"{path}metadata/", {"metadata-0-key": "a", "metadata-0-value": "b"}).status_code == 403
    assert operator.post(PATH).status_code == 403
    assert upstream.requests() == []
    assert "is retired" in page_of(operator.get("/runs/")).one(data_retiring="sandbox").text


def test_a_run_whose_steps_were_not_read_in_time_says_so(viewer):
    run = made_run(made_connection(sunset_on=timezone.now().date() - timedelta(days=1)))
    page = page_of(viewer.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"))
    assert "Nothing is asked of prod" in page.one("section", id="timeline").text
    assert "Reading its last steps" not in page.text


def test_a_last_day_is_shown_as_it_is_typed(admin):
    made_connection(sunset_on=date(2099, 3, 31))
    assert page_of(admin.get("/connections/prod/")).one("input", id="id_sunset_on")["value"] == "2099-03-31"


def test_a_server_that_answers_404_to_everything_is_noticed(connection, upstream):
    connection.last_success_at = timezone.now() - timedelta(hours=1)
    connection.save()
    assert is_suspect(connection)
    look_at(connection)
    assert not is_suspect(Connection.objects.get())
    upstream.fault("", "404", times=None)
    look_at(connection)
    assert Connection.objects.get().is_retired
