"""The first screen of a run: what was asked, what came of it or why not, where the time went; and what it costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone

from runsdash.audit.trail import record_intent, record_outcome
from runsdash.index.models import Run
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.totals.usual_times import FEWEST
from runsdash.service import objects
from tests.dashboard.conftest import LATER
from tests.dashboard.run.test_tool_types import call_of, step_of
from tests.pages import Element, page_of
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db
SHOP, TEAM = {"customer": "C-14"}, {"team": "night"}


@contextmanager
def few_runs_made() -> Iterator[None]:
    """Fails where a model is made of each run that a page only counts: of 500 that takes longer than all the rest."""
    made: list[object] = []

    def keep(instance: object, **_: object) -> None:
        made.append(instance)

    post_init.connect(keep, sender=Run)
    try:
        yield
    finally:
        post_init.disconnect(keep, sender=Run)
    assert len(made) < 5


def said(run: Run, *texts: tuple[str, str, int]) -> None:
    """Messages of (role, text, seconds after the run was created)."""
    start = int(run.created_at.timestamp())
    raws = [
        {
            "id": f"msg_{number}_{run.upstream_id}", "object": "thread.message", "role": role,
            "created_at": start + after, "thread_id": run.thread.upstream_id,
            "run_id": run.upstream_id if role == "assistant" and after >= 0 else None, "assistant_id": None,
            "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        }
        for number, (role, text, after) in enumerate(texts)
    ]  # fmt: skip
    upsert_messages(run.thread, [objects.Message.from_raw(raw) for raw in raws], fetched_at=timezone.now())


def worked(run: Run, *steps: dict) -> None:
    upsert_steps(run, [objects.RunStep.from_raw(step) for step in steps], fetched_at=timezone.now())


def numbered_step(run: Run, number: int, *, after_s: int, took_s: int) -> dict:
    start = int(run.created_at.timestamp()) + after_s
    return step_of(
        run,
        call_of("function", asks='{"ref": "NW-1"}', gives="there"),
        id=f"step_{number:04d}_{run.upstream_id}",
        created_at=start,
        completed_at=start + took_s,
    )


def look(client: Client, run: Run, more: str = "") -> Element:
    Run.objects.update(checked_at=LATER, steps_checked_at=LATER, has_all_steps=True)
    return page_of(client.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/{more}"))


def test_question_reply_and_time_are_on_the_first_screen(viewer: Client) -> None:
    run = made_run(made_connection(), metadata=TEAM)
    run.thread.metadata = SHOP
    run.thread.save()
    said(run, ("user", "Where is NW-1?", 0), ("assistant", "At the **depot**.", 40))
    worked(run, numbered_step(run, 1, after_s=1, took_s=10), numbered_step(run, 2, after_s=20, took_s=20))
    page = look(viewer, run)
    assert page.one("h1").text == "Where is NW-1?"
    assert page.one("head").one("title").text == "Completed: Where is NW-1? · RunsDash"
    blocks = {one["data-said"]: one.one("div", class_="md").text for one in page.one(id="run-said").all(data_said=True)}
    assert blocks == {"question": "Where is NW-1?", "reply": "At the depot."}
    assert page.one(data_of="thread").text == "Thread customer=C-14"
    assert page.one(data_of="run").text == "Run team=night"
    split = page.one(id="run-time")
    assert split.one("h2").text == "Where the 48 s went"
    assert [one.text for one in split.one("ul").all("li")] == [
        "Queued 1 s",
        "Function calls 30 s",
        "Between steps 17 s",
    ]
    assert sum(float(one["width"].rstrip("%")) for one in split.all("rect")) == pytest.approx(100, abs=0.1)
    assert page.one(id="step-panel")["data-step-id"].startswith("step_0002_"), "the longest is chosen"


def test_tabs_keep_the_place(viewer: Client) -> None:
    run = made_run(made_connection())
    tabs = look(viewer, run).one(id="tabs").all("a")
    assert [tab["data-tab"] for tab in tabs] == ["timeline", "conversation", "raw", "audit"]
    assert all(tab["href"].endswith("#tabs") for tab in tabs)
    for tab in tabs:
        assert look(viewer, run, tab["href"].partition("/runs/")[2].partition("/")[2]).all(id="tabs")


def test_without_a_question_the_run_is_named(viewer: Client) -> None:
    run = made_run(made_connection())
    assert look(viewer, run).one("h1").text.startswith("Run run_0000…")


def test_a_failed_run_says_why_where_else_and_what_it_was_given(viewer: Client) -> None:
    prod = made_connection()
    tools = [{"type": "function", "function": {"name": "find"}}, {"type": "file_search"}]
    made_runs(prod, 2, status="failed", age_s=7200)
    run = made_run(prod, status="failed", tools=tools, instructions="Be <brief>.")
    later = made_run(prod, thread_id=run.thread.upstream_id, age_s=5)
    said(run, ("user", "Before.", -20), ("assistant", "**Yes**, `now`?", -10), ("user", "Why?", 0))
    page = look(viewer, run)
    why = page.one(id="run-ending")
    assert why.one("p", class_="sentence").text == "It broke."
    assert page.one(id="alike").text == "All 3 of the last 7 days"
    assert why.one("dl").all("a")[-1]["href"].split("/")[-2] == later.upstream_id
    given = page.one(id="run-given")
    assert given.one("pre").text == "Be <brief>."
    assert [one.text for one in given.one("ul", class_="mini-msgs").all("p")] == ["Before.", "Yes, now?"]
    assert [tag.text for tag in given.all("span", class_="tag")] == ["find", "file_search"]
    assert page.one(id="timeline").get("hidden") == ""
    assert page.one(id="run-time").all("section") == []


def test_runs_that_ended_alike_are_counted_without_making_rows_of_them(viewer: Client) -> None:
    prod = made_connection()
    made_runs(prod, 30, status="failed", age_s=7200)
    made_runs(prod, 2, status="incomplete", incomplete_details={"reason": "server_error"}, age_s=7200)
    made_runs(prod, 3, status="failed", age_s=30 * 3600)
    run = made_run(prod, status="failed")
    with few_runs_made():
        page = look(viewer, run)
    assert page.one(id="alike").text == "All 34 of the last 7 days"
    assert "34 runs in 7 days, 31 in the last 24 h" in page.one(id="run-ending").text


def test_an_expired_run_names_functions_that_only_its_steps_know(viewer: Client) -> None:
    run = made_run(made_connection(), status="expired", expires_at=None)
    start = int(run.created_at.timestamp())
    worked(
        run, step_of(run, call_of("function", asks="{}"), status="expired", completed_at=None, expired_at=start + 600)
    )
    page = look(viewer, run)
    assert page.one(id="run-ending").all("p")[0].text == "own_function was never answered."
    assert page.one(id="run-time").one("h2").text == "Where the 10 m 00 s went"


@pytest.mark.parametrize(("count", "says_so"), [(FEWEST - 1, False), (FEWEST, True)])
def test_a_run_at_work_says_what_is_usual_once_enough_is_known(count: int, says_so: bool, viewer: Client) -> None:
    prod = made_connection(slug=f"of-{count}")
    assistant_id = 'asst "of" <b>\nany text'  # no key of a cache may hold it as it is
    made_runs(prod, count, age_s=600, assistant_id=assistant_id)
    run = made_run(prod, status="in_progress", age_s=20, usage=None, assistant_id=assistant_id)
    with few_runs_made():
        page = look(viewer, run)
    assert ("usually 48 s, p95 48 s" in page.one(id="run-head").text) is says_so
    assert bool(page.one(id="run-now").all("svg", role="img")) is says_so


def test_who_answered_stands_beside_the_call(operator: Client) -> None:
    prod = made_connection()
    run = made_run(prod, status="requires_action", required_action=waiting_for("find"))
    sent = {"tool_outputs": [{"tool_call_id": "call_function", "output": "1"}]}
    intent = record_intent(
        action="submit_tool_outputs", actor="ada", run_id=run.upstream_id, connection_slug="prod", sent={"body": sent}
    )
    record_outcome(intent, result="done")
    worked(run, numbered_step(run, 1, after_s=1, took_s=3))
    page = look(operator, run, f"?step=step_0001_{run.upstream_id}")
    assert "answered by ada" in page.one(id="step-panel").one("h3").text
    assert "1 answer by ada" in page.one(id="run-head").text


def ended_run(steps: int) -> Run:
    run = made_run(made_connection(f"of-{steps}"))
    said(run, ("user", "Where?", 0), ("assistant", "Here.", 40))
    worked(run, *(numbered_step(run, number, after_s=1, took_s=1) for number in range(steps)))
    return run


def test_an_ended_run_takes_few_statements_and_renders(viewer: Client) -> None:
    run = ended_run(3)
    look(viewer, run)
    with at_most(STATEMENTS), renders_at_most(RENDERS):
        look_again(viewer, run)


def test_a_giant_run_renders_no_more(viewer: Client) -> None:
    run = ended_run(250)
    assert len(look(viewer, run).one(id="timeline").all("tr", data_step_id=True)) == 200
    with at_most(STATEMENTS), renders_at_most(RENDERS):
        look_again(viewer, run)


def look_again(client: Client, run: Run) -> None:
    assert client.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/").status_code == 200


STATEMENTS, RENDERS = 9, 42


def test_a_later_copy_is_shown_at_the_next_poll(viewer: Client) -> None:
    run = made_run(made_connection(), status="in_progress", usage=None)
    page = look(viewer, run)
    poll = page.one(id="poll")
    said(run, ("assistant", "A first word", 2))
    answer = viewer.get(poll["hx-get"], headers={"HX-Request": "true", "HX-PTag": poll["hx-ptag"]})
    assert answer.status_code == 200
    assert "A first word" in page_of(answer).one(id="run-said").text
    raw = {"id": run.upstream_id, "thread_id": run.thread.upstream_id, "status": "completed"}
    raw["completed_at"] = int(datetime.now(UTC).timestamp())
    upsert_run(run.connection, objects.Run.from_raw(raw), fetched_at=timezone.now())
    assert look(viewer, run).one(id="run")["data-status"] == "completed"
