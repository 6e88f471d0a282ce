"""The conversation of a thread as one story: messages, the runs between them, and the way to each."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.actions.live import output_rows
from runsdash.actions.live.output_rows import NewText
from runsdash.actions.models import LiveOutput, LivePieceKind
from runsdash.dashboard.threads.story import CALLS_SHOWN
from runsdash.index.models import Assistant, Message, Run, RunStep, StepBody, Thread
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.storage.thread_reads import BEFORE_TARGET
from runsdash.service import objects
from tests.dashboard.conftest import LATER
from tests.dashboard.run.test_tool_types import call_of, step_of
from tests.pages import Element, page_of
from tests.queries import at_most
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


def say(thread: Thread, *said: tuple[str, int, Run | None]) -> None:
    """Messages of (text, second, run that wrote it or None for a user)."""
    raws = [
        {
            "id": f"msg_{text.replace(' ', '_')}", "object": "thread.message", "role": "assistant" if run else "user",
            "created_at": second, "thread_id": thread.upstream_id, "run_id": run.upstream_id if run else None,
            "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        }
        for text, second, run in said
    ]  # fmt: skip
    upsert_messages(thread, [objects.Message.from_raw(raw) for raw in raws], fetched_at=timezone.now())


def told(client: Client, thread: Thread, more: str = "") -> Element:
    Run.objects.update(checked_at=LATER)
    Thread.objects.update(checked_at=LATER, fetched_at=timezone.now(), has_all_messages=True)
    return page_of(client.get(f"/threads/{thread.upstream_id}/{more}")).one(id="conversation")


@pytest.fixture
def thread(db: None) -> Thread:
    """Four questions: answered after a call, never answered, failed, and being worked on."""
    prod = made_connection()
    first = made_run(prod, age_s=4000)
    thread = first.thread
    same = {"thread_id": thread.upstream_id}
    expired = made_run(prod, status="expired", age_s=3000, expires_at=None, **same)
    failed = made_run(prod, status="failed", age_s=2000, **same)
    working = made_run(prod, status="in_progress", age_s=30, usage=None, **same)
    seconds = [int(run.created_at.timestamp()) for run in (first, expired, failed, working)]
    say(
        thread,
        ("where is it", seconds[0] - 1, None), ("at the depot", seconds[0] + 40, first),
        ("send it on", seconds[1] - 1, None), ("did it go", seconds[2] - 1, None), ("and now", seconds[3] - 1, None),
    )  # fmt: skip
    upsert_steps(
        first,
        [objects.RunStep.from_raw(step_of(first, call_of("function", asks='{"ref": 1}', gives="depot")))],
        fetched_at=timezone.now(),
    )
    open_step = step_of(expired, call_of("function", asks="{}"), status="expired", completed_at=None)
    upsert_steps(expired, [objects.RunStep.from_raw(open_step)], fetched_at=timezone.now())
    return thread


def test_runs_stand_between_the_messages_with_what_they_did(thread: Thread, viewer: Client) -> None:
    turns = told(viewer, thread).one("ol").all("li", class_="turn")
    kinds = [turn.get("data-status") or turn.one("div", class_="md").text for turn in turns]
    assert kinds == [
        "where is it", "completed", "send it on", "expired", "did it go", "failed", "and now", "in_progress",
    ]  # fmt: skip
    done = turns[1]
    assert done.one("ul", class_="did").one("summary").text.startswith('own_function {"ref": 1}')
    assert [one.text for one in done.all("pre")] == ['{"ref": 1}', "depot"]
    assert done.one("article").one("div", class_="md").text == "at the depot"
    assert turns[3].one("p", class_="cause").text.startswith("Expired own_function was never answered.")
    assert "never answered" in turns[3].one("summary").text
    assert turns[5].one("p", class_="cause").text == "server_error It broke."
    assert "Going on" in turns[7].text


def test_a_link_to_a_message_shows_what_came_after(thread: Thread, viewer: Client) -> None:
    second = int(timezone.now().timestamp()) - 9000
    say(thread, *((f"earlier {number}", second + number, None) for number in range(BEFORE_TARGET + 3)))
    target = Message.objects.get(upstream_id="msg_where_is_it")
    talk = told(viewer, thread, f"?at={target.upstream_id}")
    texts = [one.one("div", class_="md").text for one in talk.all("article")]
    assert texts == [
        *(f"earlier {number}" for number in range(3, BEFORE_TARGET + 3)),
        "where is it", "at the depot", "send it on", "did it go", "and now",
    ]  # fmt: skip
    assert talk.one(id=f"message-{target.pk}")["data-message-id"] == target.upstream_id
    assert "before=msg_earlier_3" in talk.one("li", class_="older").one("a")["href"]
    assert viewer.get("/go/?id=msg_where_is_it")["Location"].endswith(f"?at=msg_where_is_it#message-{target.pk}")


def test_a_message_that_is_not_known_opens_the_newest(thread: Thread, viewer: Client) -> None:
    assert len(told(viewer, thread, "?at=msg_nobody").one("ol").all("li", class_="turn")) == 8


def test_calls_of_a_run_are_bounded(thread: Thread, viewer: Client) -> None:
    run = Run.objects.filter(thread=thread).order_by("pk").first()
    calls = [call_of("function") | {"id": f"call_{number}"} for number in range(CALLS_SHOWN + 5)]
    raw = step_of(run, *calls, id="step_many")
    upsert_steps(run, [objects.RunStep.from_raw(raw)], fetched_at=timezone.now())
    turn = told(viewer, thread).one(id=f"told-{run.pk}")
    assert len(turn.all("details")) == CALLS_SHOWN
    assert turn.one("ul", class_="did").all("li")[-1].text == "6 more calls"


def test_calls_of_an_ended_run_are_made_once_until_a_step_changes(thread: Thread, viewer: Client) -> None:
    run = Run.objects.filter(thread=thread).order_by("pk").first()

    def outputs() -> list[str]:
        return [one.text for one in told(viewer, thread).one(id=f"told-{run.pk}").all("pre")]

    assert outputs() == ['{"ref": 1}', "depot"]
    StepBody.objects.update(raw=b"{}")
    assert outputs() == ['{"ref": 1}', "depot"], "they were made anew"
    again = step_of(run, call_of("function", asks='{"ref": 1}', gives="gate 4"))
    upsert_steps(run, [objects.RunStep.from_raw(again)], fetched_at=timezone.now())
    assert outputs() == ['{"ref": 1}', "gate 4"]
    RunStep.objects.filter(run=run).update(ended_at=run.created_at + timedelta(seconds=90))
    assert "1 m" in told(viewer, thread).one(id=f"told-{run.pk}").one("summary").text


def test_what_is_older_is_on_its_own_page(thread: Thread, viewer: Client) -> None:
    talk = told(viewer, thread, "?before=msg_did_it_go")
    assert [one.get("data-status", "said") for one in talk.all("li", class_="turn")] == [
        "said", "completed", "said", "expired",
    ]  # fmt: skip
    assert talk.all("header")[0].one("a")["href"] == f"/threads/{thread.upstream_id}/"


def test_a_story_takes_as_many_statements_however_long_it_is(thread: Thread, viewer: Client) -> None:
    told(viewer, thread)
    with at_most(STATEMENTS):
        viewer.get(f"/threads/{thread.upstream_id}/")


STATEMENTS = 9  # one is for a run that goes on: whether it writes


def test_the_run_at_the_end_shows_what_it_writes(viewer: Client, thread: Thread) -> None:
    run = Run.objects.get(status="in_progress")
    live = output_rows.begin(run, reader="one")
    write(live, "<b>So", opens=True)
    page = told(viewer, thread)
    assert page.one("pre", id=f"writing-{run.pk}").text == "<b>So"
    poll = page_of(viewer.get(f"/threads/{thread.upstream_id}/")).one(id="poll")
    headers = {"HX-Request": "true", "HX-PTag": poll["hx-ptag"]}
    assert viewer.get(poll["hx-get"], headers=headers).status_code == 304
    write(live, " far")
    answer = page_of(viewer.get(poll["hx-get"], headers=headers))
    assert answer.one("pre", id=f"writing-{run.pk}").text == "<b>So far"
    say(thread, ("So far and on", int(timezone.now().timestamp()), run))
    assert not told(viewer, thread).all("pre", id=f"writing-{run.pk}")


HOSTILE = "<b data-mine=\"1\" title='x'>\u202egnp.exe&lt;"
SHOWN = "<b data-mine=\"1\" title='x'>[U+202E]gnp.exe&lt;"


def test_what_an_upstream_says_stays_text(thread: Thread, viewer: Client) -> None:
    failed = Run.objects.get(status="failed")
    Run.objects.update(question=HOSTILE, error_code="")
    Run.objects.filter(pk=failed.pk).update(error_code=HOSTILE, error_message=HOSTILE)
    Assistant.objects.create(
        connection=failed.connection, upstream_id=failed.assistant_id, name=HOSTILE, fetched_at=LATER
    )
    parts = [
        {"type": "text", "text": {"text": HOSTILE, "size": 900_000}, "annotations": None},
        {"type": "refusal", "text": {"text": HOSTILE, "size": 9}},
        {"type": "image_file", "file_id": HOSTILE}, {"type": "image_file", "file_id": None},
        {"type": "image_url", "url": HOSTILE, "size": 9}, {"type": "image_url", "url": "https://a.example/x'\"<b>.png"},
        {"type": HOSTILE, "text": {"text": HOSTILE, "size": 9}}, {},
    ]  # fmt: skip
    files = [{"file_id": HOSTILE}, {"file_id": "file_1"}, {}, "odd"]
    Message.objects.update(parts=parts, attachments=files, incomplete_reason=HOSTILE, run_upstream_id=HOSTILE)
    Message.objects.filter(role="assistant").update(role=HOSTILE, run_upstream_id="", parts=[], attachments=[])
    told(viewer, thread)
    page = page_of(viewer.get(f"/threads/{thread.upstream_id}/"))
    assert not page.all(data_mine=True)
    talk, runs = page.one(id="conversation"), page.one(id="thread-runs")
    assert "\u202e" not in talk.text + runs.text
    turn = talk.one("li", data_run_id=failed.upstream_id)
    assert turn.one("h3").text == SHOWN
    assert [turn.one("p", class_="cause").one(tag).text for tag in ("code", "span")] == [SHOWN, SHOWN]
    said = talk.all("article")[0]
    assert [one["src"].partition("?")[2] for one in said.all("img")] == ["connection=prod"]
    assert said.all("a", rel=True)[0]["href"] == "https://a.example/x'\"<b>.png"
    assert [one.text for one in said.all("p", class_="err")][-1] == f"Incomplete: {SHOWN}"
    assert runs.one(id=f"run-{failed.pk}").one("code").text == f"{SHOWN[:31]}…"


def write(live: LiveOutput, text: str, *, opens: bool = False) -> None:
    output_rows.append(live, [NewText(part="m", kind=LivePieceKind.TEXT, label="Message", text=text, opens=opens)])
