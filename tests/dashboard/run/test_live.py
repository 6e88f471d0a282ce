"""The one poll of a run page: what it answers, when it says nothing changed, how often it asks, when it stops."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.index.models import Run, RunStep, StatusSeen
from tests.dashboard.conftest import path_of, still
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)


def trigger_of(page) -> str:
    return page.one(id="poll").get("hx-trigger", "")


def test_a_page_and_its_first_poll_carry_the_same_tag(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    still()
    poll = parsed(open_run(run)).one(id="poll")
    answer = open_run(run, "live/", htmx=True, tag=poll["hx-ptag"])
    assert answer.status_code == 304
    assert answer["HX-PTag"] == poll["hx-ptag"]
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("tab", ["timeline", "conversation", "raw", "audit"])
def test_each_tab_is_left_alone_while_nothing_changes(tab, connection, upstream, open_run):
    run = upstream.seed(status="requires_action", steps=1)
    open_run(run)
    still()
    poll = parsed(open_run(run, f"?tab={tab}")).one(id="poll")
    query = poll["hx-get"].partition("?")[2]
    assert open_run(run, f"live/?{query}", htmx=True, tag=poll["hx-ptag"]).status_code == 304


def test_a_change_brings_the_parts_it_concerns(connection, start, upstream, open_run):
    run = start("/slow 3", until="in_progress")
    page = parsed(open_run(run))
    upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}/cancel")
    Run.objects.update(checked_at=None)
    response = open_run(run, "live/", htmx=True, tag=page.one(id="poll")["hx-ptag"])
    answer = parsed(response)
    assert response.status_code == 200
    assert {one["hx-target"] for one in answer.all("hx-partial")} == {
        "title", "#run", "#trouble", "#run-head", "#run-ending", "#run-answered", "#run-facts", "#timeline",
        "#run-unsent", "#step-detail", "#needs-badge", "#asking", "#run-time", "#run-said", "#run-now", "#run-given",
    }  # fmt: skip
    assert answer.one(id="run")["data-status"] in {"cancelling", "cancelled"}
    assert "hx-morph-skip-children" in answer.one(id="run").attributes


@pytest.mark.parametrize(
    ("tab", "part"), [("conversation", "#conversation"), ("raw", "#run-raw"), ("audit", "#run-audit")]
)
def test_only_the_open_tab_is_sent(tab, part, connection, upstream, open_run):
    answer = parsed(open_run(upstream.seed(status="in_progress"), f"live/?tab={tab}", htmx=True))
    targets = {one["hx-target"] for one in answer.all("hx-partial")}
    assert part in targets
    assert "#timeline" not in targets


def test_a_poll_never_replaces_the_form_it_was_given(connection, start, upstream, open_run):
    run = start("/tool", until="requires_action")
    page = parsed(open_run(run))
    url = page.one(id="poll")["hx-get"]
    answer = parsed(open_run(run, "live/?" + url.partition("?")[2], htmx=True))
    assert "#tool-outputs-slot" not in {one["hx-target"] for one in answer.all("hx-partial")}


def test_a_run_that_starts_to_wait_brings_its_form(connection, start, upstream, open_run):
    run = start("/tool", until="requires_action")
    answer = parsed(open_run(run, "live/", htmx=True))
    slot = next(one for one in answer.all("hx-partial") if one["hx-target"] == "#tool-outputs-slot")
    assert slot.one("form", id="tool-outputs")
    assert "shown=" in answer.one(id="poll")["hx-get"]


def test_a_form_answered_by_somebody_else_says_by_whom(connection, start, upstream, open_run, admin):
    run = start("/tool", until="requires_action")
    url = parsed(open_run(run)).one(id="poll")["hx-get"]
    call_id = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    sent = admin.post(path_of(run, "tool-outputs/"), {f"output-{call_id}": '{"left": 7}', "token": "once"})
    assert sent.status_code == 302
    Run.objects.update(checked_at=None, lease_until=None)
    query = url.partition("?")[2]
    answer = parsed(open_run(run, f"live/?{query}", htmx=True))
    assert "admin answered these calls" in answer.one(id="run-answered").text
    assert "#tool-outputs-slot" not in {one["hx-target"] for one in answer.all("hx-partial")}
    own = parsed(open_run(run, f"live/?{query}", htmx=True, by=admin))
    assert own.one(id="run-answered").all() == []


def test_an_answer_that_the_server_did_not_take_is_nobodys(connection, start, upstream, open_run, admin):
    run = start("/tool", until="requires_action")
    url = parsed(open_run(run)).one(id="poll")["hx-get"]
    call_id = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    upstream.quirk(writes_ignored=True)
    admin.post(path_of(run, "tool-outputs/"), {f"output-{call_id}": "taken and dropped", "token": "once"})
    upstream.quirk(writes_ignored=False)
    upstream.answer(run)
    Run.objects.update(checked_at=None, lease_until=None)
    answer = parsed(open_run(run, f"live/?{url.partition('?')[2]}", htmx=True))
    assert answer.one(id="run-answered").text
    assert "admin" not in answer.one(id="run-answered").text


def test_a_form_answered_outside_says_that_it_is_late(connection, start, upstream, open_run):
    run = start("/tool", until="requires_action")
    url = parsed(open_run(run)).one(id="poll")["hx-get"]
    upstream.answer(run)
    Run.objects.update(checked_at=None, lease_until=None)
    answer = parsed(open_run(run, "live/?" + url.partition("?")[2], htmx=True))
    assert "no longer waits" in answer.one(id="run-answered").text


@pytest.mark.parametrize(("quiet_s", "interval_s"), [(0, 2), (30, 5), (300, 10)])
def test_the_interval_grows_while_nothing_changes(quiet_s, interval_s, connection, upstream, open_run):
    run = upstream.seed(status="in_progress", steps=1)
    open_run(run)
    past = timezone.now() - timedelta(seconds=quiet_s)
    still(status_since=past, created_at=past, steps_changed_at=past)
    assert trigger_of(parsed(open_run(run))).startswith(f"every {interval_s}s")


def test_time_alone_brings_an_answer_only_when_the_run_has_outgrown_its_axis(connection, upstream, open_run):
    run = upstream.seed(status="requires_action", steps=1)
    open_run(run)
    ages = [timezone.now() - timedelta(seconds=seconds) for seconds in (30, 45, 55)]
    still(created_at=ages[0])
    page = parsed(open_run(run))
    assert page.one(id="timeline")["data-axis-s"] == "50"
    assert [one.get("data-running") for one in page.one(id="timeline").one("tr", data_step_id=True).all("rect")][
        :1
    ] == [""]
    tag = page.one(id="poll")["hx-ptag"]
    still(created_at=ages[1])
    assert open_run(run, "live/", htmx=True, tag=tag).status_code == 304
    still(created_at=ages[2])
    answer = parsed(open_run(run, "live/", htmx=True, tag=tag))
    assert answer.one(id="timeline")["data-axis-s"] == "100"


@pytest.mark.parametrize(
    ("every", "age_s", "is_read"),
    [("2", 1.9, True), ("5", 4, False), ("10", 8, False), ("10", 9.5, True), ("7", 4, True)],
)
def test_a_poll_reads_again_what_is_nearly_as_old_as_its_interval(
    every, age_s, is_read, connection, upstream, open_run
):
    run = upstream.seed(status="in_progress")
    assert "every=2" in parsed(open_run(run)).one(id="poll")["hx-get"]
    then = timezone.now() - timedelta(seconds=age_s)
    Run.objects.update(checked_at=then, steps_checked_at=then)
    upstream.clear_requests()
    open_run(run, f"live/?every={every}", htmx=True)
    assert bool(upstream.requests(path=run["run_id"])) == is_read


def test_the_last_two_minutes_of_a_waiting_run_are_watched_closely(connection, upstream, open_run):
    run = upstream.seed(status="requires_action", steps=1)
    open_run(run)
    past = timezone.now() - timedelta(minutes=9)
    RunStep.objects.update(created_at=past)
    still(status_since=past, created_at=past, expires_at=timezone.now() + timedelta(seconds=90))
    assert trigger_of(parsed(open_run(run))).startswith("every 2s")


def test_polling_goes_on_until_every_step_is_here_and_then_stops(connection, upstream, open_run):
    run = upstream.seed(steps=250)
    assert trigger_of(parsed(open_run(run)))
    seen = []
    for _ in range(6):
        Run.objects.update(checked_at=None, lease_until=None)
        page = parsed(open_run(run, "live/", htmx=True))
        seen.append(RunStep.objects.count())
        if not trigger_of(page):
            break
        Run.objects.filter(step_count__gte=250).update(
            ended_at="2026-01-01T00:00:00Z", status_since="2026-01-01T00:00:00Z"
        )
    assert trigger_of(page) == ""
    assert "hx-get" not in page.one(id="poll").attributes
    assert seen[0] == 200
    assert seen[-1] == 250
    assert page.one(id="after-action")["hx-trigger"] == "run-changed from:document"


def test_steps_of_one_second_keep_their_order_while_the_run_lives(connection, upstream, open_run):
    run = upstream.seed(status="in_progress", steps=150)
    for _ in range(4):
        Run.objects.update(checked_at=None, lease_until=None)
        open_run(run, "live/", htmx=True)
    shown = parsed(open_run(run)).one(id="timeline").all("tr", data_step_id=True)
    assert [row["data-step-id"] for row in shown] == run["step_ids"]


def test_how_long_it_waited_is_told_from_what_was_seen(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    row = Run.objects.get()
    start = row.created_at
    StatusSeen.objects.create(run=row, status="requires_action", seen_at=start - timedelta(seconds=200))
    StatusSeen.objects.create(run=row, status="in_progress", seen_at=start - timedelta(seconds=22))
    still()
    assert "2 m 58 s of it waiting" in parsed(open_run(run)).one(id="run-facts").text


def test_stale_fragments_say_so(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    Run.objects.update(checked_at=None, lease_until=None, fetched_at="2026-01-01T00:00:00Z")
    upstream.fault(run["run_id"], "502", times=20)
    response = open_run(run, "live/", htmx=True)
    assert response.status_code == 200
    assert int(response["X-RunsDash-Stale"]) > 1_000_000
    assert parsed(response).one(id="trouble").one("div", class_="banner")


def test_signed_out_and_wrong_method(connection, upstream, client, operator):
    path = path_of(upstream.seed(), "live/")
    answer = client.get(path, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "HX-Redirect" in answer
    assert operator.post(path).status_code == 405


def test_unknown_run_is_a_problem_partial(connection, upstream, open_run):
    response = open_run({"thread_id": "thread_no", "id": "run_no"}, "live/", htmx=True)
    assert response.status_code == 404
    assert parsed(response).one("hx-partial")["hx-target"] == "#problem"
