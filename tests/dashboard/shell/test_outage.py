"""Pages while nothing new can be seen: no worker goes round, or an upstream does not answer. They never look well."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.sync.worker_beat import note_worker_round
from tests.dashboard.inbox.test_inbox import live, poll_of
from tests.pages import Element, page_of, partials_of
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ["/", "/needs-action/", "/runs/", "/threads/"]
DOWN = {"kind": "NoAnswer", "status": None, "message": "Connection refused", "timed_out": False}
FAILED = DOWN | {"status": 503, "message": "try later"}


def ago(seconds: float):
    return timezone.now() - timedelta(seconds=seconds)


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection(last_success_at=ago(5))


def change(connection: Connection, **columns: object) -> None:
    Connection.objects.filter(pk=connection.pk).update(**columns)


def banners(page: Element) -> list[Element]:
    return page.one("div", id="outage").all("div", class_="banner")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_said_while_all_is_well(viewer: Client, prod: Connection, path: str) -> None:
    page = page_of(viewer.get(path))
    assert not banners(page)
    assert page.one("span", id="sync-pill")["data-tone"] == "good"


@pytest.mark.parametrize("path", PAGES)
def test_a_worker_that_went_away_is_said_with_since_when_and_its_command(viewer, prod, path: str) -> None:
    change(prod, worker_seen_at=ago(1800))
    page = page_of(viewer.get(path))
    (banner,) = banners(page)
    assert "No worker has run since" in banner.text
    assert "30 min ago" in banner.text
    assert "python manage.py sync" in banner.text
    assert banner.all("li")
    assert "old" in page.one("span", id="needs-badge")["class"].split()
    assert page.one("span", id="sync-pill")["data-tone"] == "bad"


def test_a_worker_that_never_ran_is_named(viewer: Client, prod: Connection) -> None:
    change(prod, worker_seen_at=None)
    (banner,) = banners(page_of(viewer.get("/")))
    assert "No worker has run yet" in banner.text
    note_worker_round()
    assert not banners(page_of(viewer.get("/")))


@pytest.mark.parametrize("path", PAGES)
def test_an_upstream_that_does_not_answer_is_said_with_its_own_words(viewer, prod, path: str) -> None:
    change(prod, last_success_at=ago(720), last_failure_at=ago(8), last_failure=DOWN, rests_until=ago(-22))
    (banner,) = banners(page_of(viewer.get(path)))
    assert "prod has not answered since" in banner.text
    assert "12 min ago" in banner.text
    assert "Connection refused" in banner.text
    assert "next try in 2" in banner.text


def test_only_whoever_may_manage_tries_it_now(viewer: Client, admin: Client, prod: Connection) -> None:
    change(prod, last_success_at=ago(720), last_failure_at=ago(8), last_failure=DOWN)
    assert not banners(page_of(viewer.get("/runs/")))[0].all("form")
    assert banners(page_of(admin.get("/runs/")))[0].one("form")["action"] == "/connections/prod/test/"


@pytest.mark.parametrize(
    ("columns", "is_said"),
    [
        ({"last_failure": FAILED}, False),  # one object's own error
        ({"last_failure": FAILED, "failures": 2}, True),
        ({"last_failure": FAILED, "last_success_at": ago(60)}, True),
        ({"last_failure": DOWN}, True),
        ({"last_failure": FAILED | {"status": 401}}, True),
        ({"last_failure": DOWN, "is_enabled": False}, False),  # an archive is not asked
        ({"last_failure": DOWN, "last_success_at": None}, True),
        ({"last_failure": DOWN, "last_success_at": ago(-3600)}, False),
    ],
)
def test_what_counts_as_an_outage(viewer: Client, prod: Connection, columns: dict, is_said: bool) -> None:
    change(prod, **{"last_failure_at": ago(1)} | columns)
    assert bool(banners(page_of(viewer.get("/needs-action/")))) is is_said


def test_a_long_wait_is_said_and_a_short_one_is_not(viewer: Client, prod: Connection) -> None:
    change(prod, paused_until=ago(-300))
    assert not banners(page_of(viewer.get("/")))
    change(prod, last_success_at=ago(60))
    (banner,) = banners(page_of(viewer.get("/")))
    assert "prod asked to wait until" in banner.text


def test_an_empty_inbox_never_says_that_no_run_needs_an_answer(viewer: Client, prod: Connection) -> None:
    assert "No run needs an answer" in page_of(viewer.get("/needs-action/")).text
    change(prod, worker_seen_at=ago(600))
    page = page_of(viewer.get("/needs-action/"))
    assert "No run needs an answer" not in page.text
    assert "Nobody can tell" in page.one("h2", id="h-inbox").text
    assert "No run needs an answer" not in page_of(viewer.get("/")).text


def test_rows_of_the_inbox_say_how_old_they_are(viewer: Client, prod: Connection) -> None:
    made_run(prod, status="requires_action")
    change(prod, worker_seen_at=ago(600))
    panel = page_of(viewer.get("/needs-action/")).one("section", id="inbox")
    assert "1 run may still need an answer" in panel.one("h2").text
    assert "there may be more" in panel.one("span", class_="stamp").text


def test_what_ran_out_during_an_outage_had_needed_an_answer(viewer: Client, prod: Connection) -> None:
    made_run(prod, status="requires_action", age_s=900)
    change(prod, worker_seen_at=ago(600), last_success_at=ago(600))
    inbox = page_of(viewer.get("/needs-action/")).one("section", id="inbox")
    assert "nothing needed an answer" not in inbox.text
    assert "has passed its deadline" in inbox.text
    now = page_of(viewer.get("/")).one(id="now")
    assert "1 needed an answer" in now.text
    assert "overdue" not in now.text


def test_the_overview_says_what_follows_and_compares_nothing(viewer: Client, prod: Connection) -> None:
    assert "against" in page_of(viewer.get("/")).one(id="compared").text
    change(prod, worker_seen_at=ago(600))
    page = page_of(viewer.get("/"))
    assert "Changes are left out" in banners(page)[0].text
    assert "against" not in page.one(id="compared").text


def test_runs_past_their_deadline_are_not_said_to_wait_still(viewer: Client, prod: Connection) -> None:
    made_run(prod, status="requires_action", age_s=900)
    late = page_of(viewer.get("/needs-action/")).one(id="inbox-late").text
    assert "still says that they wait" in late
    change(prod, worker_seen_at=ago(600))
    late = page_of(viewer.get("/needs-action/")).one(id="inbox-late").text
    assert "still says that they wait" not in late
    assert "cannot be seen" in late


def test_the_overview_claims_nothing_of_now(viewer: Client, prod: Connection) -> None:
    change(prod, worker_seen_at=ago(600))
    page = page_of(viewer.get("/"))
    assert page.one(id="now").text.startswith("Now not known since")
    assert "no run is active" not in page.text
    assert "no run was active" in page.one(id="now").text
    assert not page.one("section", id="chart-failures").one("div", class_="empty").all("svg")


@pytest.mark.parametrize("columns", [{"worker_seen_at": None}, {"last_success_at": None, "last_failure": DOWN}])
def test_what_was_never_seen_is_not_compared(viewer: Client, prod: Connection, columns: dict) -> None:
    made_runs(prod, 30, status="failed")
    made_runs(prod, 30, age_s=1.5 * 86400)
    change(prod, **{"last_failure_at": ago(1)} | columns)
    page = page_of(viewer.get("/", {"range": "24h"}))
    assert not page.one("section", id="worse").all("li")
    assert {one.text for one in page.one(id="figures").all("small")} == {"as far as known"}
    assert page.one(id="now").text == "Now not known"


def test_the_poll_of_the_overview_brings_what_it_says_of_now(viewer: Client, prod: Connection) -> None:
    poll = poll_of(page_of(viewer.get("/")))
    change(prod, worker_seen_at=ago(600))
    assert "not known" in partials_of(live(viewer, poll))["#now"].text


@pytest.mark.parametrize("path", ["/", "/needs-action/", "/runs/"])
def test_a_poll_brings_the_outage_and_its_end(viewer: Client, prod: Connection, path: str) -> None:
    made_run(prod)
    poll = poll_of(page_of(viewer.get(path)))
    change(prod, worker_seen_at=ago(600))
    partials = partials_of(live(viewer, poll))
    assert banners(partials["#outage"])
    change(prod, worker_seen_at=timezone.now())
    assert not banners(partials_of(live(viewer, poll_of(partials["#poll"])))["#outage"])


def test_it_costs_no_statement(viewer: Client, prod: Connection) -> None:
    with at_most(30) as before:
        viewer.get("/needs-action/")
    change(prod, worker_seen_at=ago(600))
    with at_most(len(before)):
        viewer.get("/needs-action/")


def test_however_many_workers_go_round_one_writes(prod: Connection) -> None:
    change(prod, worker_seen_at=None)
    note_worker_round()
    seen_at = Connection.objects.get().worker_seen_at
    note_worker_round()
    assert Connection.objects.get().worker_seen_at == seen_at
