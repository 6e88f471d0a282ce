"""The inbox: order, verification with the upstream, the missed tab, its poll, and the badge of the navigation."""

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Run
from runsdash.sync.refresh import refresh_run
from tests.pages import Element, page_of, partials_of, run_ids
from tests.people import HTMX
from tests.rows import made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/needs-action/"


@pytest.fixture
def prod(db: None):
    """An upstream that is off, so that nothing is asked."""
    return made_connection(is_enabled=False)


def badge(page: Element) -> Element:
    return page.one("span", id="needs-badge")


def live(client: Client, poll: Element):
    return client.get(poll["hx-get"], headers=HTMX | {"HX-PTag": poll["hx-ptag"]})


def poll_of(page: Element) -> Element:
    return page.one("div", id="poll")


def make_old(run: Run) -> None:
    """As if nobody had looked at it for a while."""
    Run.objects.filter(pk=run.pk).update(checked_at=timezone.now() - timedelta(minutes=1))


def seen_waiting(connection, start) -> Run:
    run = start("/tool get_stock", until="requires_action")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    make_old(row)
    return row


def test_soonest_first_unknown_last_with_names_and_arguments(operator: Client, prod) -> None:
    later = made_run(prod, status="requires_action", age_s=10)
    unknown = made_run(prod, status="requires_action", age_s=5, expires_at=None)
    asked = waiting_for("book_pickup", "get_rates")
    asked["submit_tool_outputs"]["tool_calls"][0]["function"]["arguments"] = '{"city": "Köln",\n "n": "' + "x" * 500
    soon = made_run(prod, status="requires_action", age_s=500, required_action=asked)
    made_run(prod, status="completed")
    page = page_of(operator.get(URL))
    assert run_ids(page.one("section", id="inbox")) == [one.upstream_id for one in (soon, later, unknown)]
    row = page.one("tr", data_run_id=soon.upstream_id)
    assert "soon" in row.one("span", data_countdown=True)["class"]
    calls = row.one("td", class_="calls")
    assert [one.text for one in calls.all("code")] == ["book_pickup", "get_rates"]
    shown = calls.all("span", class_="mono")[0].text
    assert shown.startswith('{"city": "Köln", "n": "xxx')
    assert len(shown) <= 160
    assert row.one("a", class_="btn")["href"].endswith(f"/runs/{soon.upstream_id}/?answer=1")
    assert "soon" not in page.one("tr", data_run_id=later.upstream_id).one("span", data_countdown=True)["class"]
    assert "no deadline" in page.one("tr", data_run_id=unknown.upstream_id).text


def test_hostile_arguments_stay_text(operator: Client, prod) -> None:
    asked = waiting_for("<b>x</b>")
    asked["submit_tool_outputs"]["tool_calls"][0]["function"]["arguments"] = '"><script>alert(1)</script>'
    made_run(prod, status="requires_action", required_action=asked)
    page = page_of(operator.get(URL))
    row = page.one("section", id="inbox").one("td", class_="calls")
    assert not row.all("script")
    assert not row.all("b")
    assert "<script>" in row.text


def test_past_the_deadline_is_apart_and_not_counted(operator: Client, prod) -> None:
    gone = made_run(prod, status="requires_action", age_s=700)
    page = page_of(operator.get(URL))
    assert run_ids(page.one("div", id="inbox-late")) == [gone.upstream_id]
    assert not page.one("section", id="inbox").all("tr")
    assert "hidden" in badge(page).attributes


def test_a_viewer_opens_and_does_not_respond(viewer: Client, prod) -> None:
    made_run(prod, status="requires_action")
    assert page_of(viewer.get(URL)).one("section", id="inbox").one("a", class_="btn").text.startswith("Open")


def test_opening_asks_the_upstream_about_every_run_at_once(operator: Client, upstream, connection, start) -> None:
    answered, waits = seen_waiting(connection, start), seen_waiting(connection, start)
    raw = upstream.get(f"/threads/{answered.thread.upstream_id}/runs/{answered.upstream_id}")
    upstream.answer(raw)
    upstream.clear_requests()
    page = page_of(operator.get(URL))
    assert run_ids(page.one("section", id="inbox")) == [waits.upstream_id]
    assert sorted(one["path"].split("/")[-1] for one in upstream.requests(method="GET")) == sorted(
        [answered.upstream_id, waits.upstream_id]
    )
    upstream.clear_requests()
    operator.get(URL)
    assert upstream.requests() == []


def test_at_most_twenty_are_asked_in_one_round(operator: Client, upstream, connection) -> None:
    made_runs(connection, 23, apart_s=0, status="requires_action")
    Run.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    operator.get(URL)
    assert len(upstream.requests(path="/runs/run_")) == 20


@pytest.mark.clock
def test_a_slow_upstream_keeps_nobody_waiting_and_is_heard_later(operator: Client, upstream, connection, start) -> None:
    row = seen_waiting(connection, start)
    upstream.answer(upstream.get(f"/threads/{row.thread.upstream_id}/runs/{row.upstream_id}"))
    upstream.fault(f"GET {row.upstream_id}$", "hang", delay_s=2)
    began = time.monotonic()
    assert run_ids(page_of(operator.get(URL)).one("section", id="inbox")) == [row.upstream_id]
    assert time.monotonic() - began < 1.8
    deadline = time.monotonic() + 8
    while Run.objects.get().facts.is_waiting and Run.objects.get().trouble is None and time.monotonic() < deadline:
        time.sleep(0.05)
    found = Run.objects.get()
    assert found.trouble or not found.facts.is_waiting
    assert found.lease_until is None


def test_an_upstream_that_fails_leaves_the_copy(operator: Client, upstream, connection, start) -> None:
    row = seen_waiting(connection, start)
    upstream.fault(f"GET {row.upstream_id}$", "500", times=None)
    assert run_ids(page_of(operator.get(URL)).one("section", id="inbox")) == [row.upstream_id]


# Missed


def test_missed_are_those_that_expired_while_they_waited(operator: Client, prod) -> None:
    missed = made_run(prod, status="requires_action", age_s=900)
    made_run(prod, id=missed.upstream_id, thread_id=missed.thread.upstream_id, status="expired", age_s=900)
    went_on = made_run(prod, status="requires_action", age_s=800)
    for status in ("in_progress", "expired"):
        made_run(prod, id=went_on.upstream_id, thread_id=went_on.thread.upstream_id, status=status, age_s=800)
    made_run(prod, status="expired", age_s=700)
    Run.objects.filter(upstream_id=missed.upstream_id).update(question="Where is <b>NW-7</b>?")
    page = page_of(operator.get(URL, {"tab": "missed"}))
    panel = page.one("section", id="inbox-missed")
    assert run_ids(panel) == [missed.upstream_id]
    assert panel.one("a", class_="q").text == "Where is <b>NW-7</b>?"
    assert "get_stock" in panel.text
    assert panel.one("a", class_="btn")["href"].endswith("/rerun/")
    assert live(operator, poll_of(page)).status_code == 304


# The poll


def test_the_poll_answers_only_news_and_moves_no_row(operator: Client, prod) -> None:
    first, second = (made_run(prod, status="requires_action", age_s=age) for age in (400, 300))
    poll = poll_of(page_of(operator.get(URL)))
    answer = live(operator, poll)
    assert answer.status_code == 304
    assert not answer.content
    made_run(prod, id=first.upstream_id, thread_id=first.thread.upstream_id, status="completed", age_s=400)
    sooner = made_run(prod, status="requires_action", age_s=450)
    partials = partials_of(live(operator, poll))
    inbox = partials["#inbox"]
    assert run_ids(inbox) == [one.upstream_id for one in (first, second, sooner)]
    assert inbox.one("tr", data_run_id=first.upstream_id)["data-status"] == "completed"
    assert inbox.one("a", id="inbox-again")
    assert partials["#needs-badge"].one("span", id="needs-badge").text.startswith("2")
    again = poll_of(partials["#poll"])
    assert live(operator, again).status_code == 304
    fresh = page_of(operator.get(URL))
    assert run_ids(fresh.one("section", id="inbox")) == [one.upstream_id for one in (sooner, second)]
    assert not fresh.all("a", id="inbox-again")


@pytest.mark.parametrize(("age_s", "interval"), [(100, "every 5s"), (500, "every 2s")])
def test_it_asks_faster_when_an_item_is_urgent(operator: Client, prod, age_s: int, interval: str) -> None:
    made_run(prod, status="requires_action", age_s=age_s)
    assert poll_of(page_of(operator.get(URL)))["hx-trigger"].startswith(interval)


def test_an_idle_poll_is_small(operator: Client, prod) -> None:
    made_runs(prod, 20, apart_s=0, status="requires_action")
    answer = live(operator, poll_of(page_of(operator.get(URL))))
    assert answer.status_code == 304
    assert len(str(answer.headers)) < 1000


# The badge


@pytest.mark.parametrize("path", ["/", "/runs/", "/threads/", "/audit/"])
def test_every_page_has_the_entry_with_its_badge(viewer: Client, prod, path: str) -> None:
    made_run(prod, status="requires_action")
    link = page_of(viewer.get(path)).one("a", data_key="g i")
    assert link["href"] == URL
    assert link.one("span", id="needs-badge").text.startswith("1 ")


@pytest.mark.long
def test_the_badge_follows_the_chosen_connection_and_ends_at_99(viewer: Client, prod) -> None:
    other = made_connection("other", is_enabled=False)
    made_run(other, status="requires_action")
    made_runs(prod, 100, apart_s=0, status="requires_action")
    assert badge(page_of(viewer.get("/runs/"))).text.startswith("99+")
    assert badge(page_of(viewer.get("/runs/", {"connection": "other"}))).text.startswith("1 ")
    assert len(run_ids(page_of(viewer.get(URL, {"connection": "other"})).one("section", id="inbox"))) == 1


@pytest.mark.parametrize("path", ["/", "/runs/"])
def test_polls_of_other_pages_bring_the_badge(viewer: Client, prod, path: str) -> None:
    made_run(prod)
    poll = poll_of(page_of(viewer.get(path)))
    assert live(viewer, poll).status_code == 304
    made_run(prod, status="requires_action")
    assert partials_of(live(viewer, poll))["#needs-badge"].text.startswith("1 ")


@pytest.mark.parametrize(("path", "status"), [("/audit/", 200), ("/runs/?q=status:", 400), ("/nowhere/", 404)])
def test_a_page_without_a_poll_of_its_own_has_a_small_one(viewer: Client, prod, path: str, status: int) -> None:
    poll = page_of(viewer.get(path), status=status).one("div", id="frame-poll")
    answer = live(viewer, poll)
    assert answer.status_code == 304
    assert len(str(answer.headers)) < 1000
    made_run(prod, status="requires_action")
    answer = live(viewer, poll)
    assert partials_of(answer)["#needs-badge"].text.startswith("1 ")
    assert page_of(viewer.get("/audit/")).one("div", id="frame-poll")["hx-ptag"] == answer["HX-PTag"]


@pytest.mark.parametrize("path", ["/", "/runs/", URL])
def test_a_page_that_polls_makes_no_second_request(viewer: Client, prod, path: str) -> None:
    assert not page_of(viewer.get(path)).all("div", id="frame-poll")


def test_the_small_poll_finds_out_who_was_signed_out(client: Client, nobody: Client) -> None:
    signed_out = client.get("/frame/", headers=HTMX)
    # static/js/page.js follows it only where nothing typed would be lost; the browser's tests look at that.
    assert (signed_out.status_code, "HX-Redirect" in signed_out) == (401, True)
    assert nobody.get("/frame/", headers=HTMX).status_code == 204


def test_queries_do_not_grow(viewer: Client, prod, django_assert_max_num_queries) -> None:
    made_runs(prod, 30, apart_s=0, status="requires_action")
    with django_assert_max_num_queries(16):
        viewer.get(URL)


def test_who_may_look(client: Client, nobody: Client, viewer: Client) -> None:
    assert client.get(URL).status_code == 302
    assert nobody.get(URL).status_code == 403
    assert viewer.post(URL).status_code == 405
    assert viewer.get(URL, {"connection": "nowhere"}).status_code == 404
