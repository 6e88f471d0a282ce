"""Full text: which texts of a run are found, by the same words on both engines, kept in step with every change.

`make test-postgres` runs this file on PostgreSQL, too.
"""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.index.fulltext.words import SEARCHABLE_CHARS
from runsdash.index.models import Connection, Run, RunText, RunTool
from runsdash.index.search import RunOrder, run_list_page
from runsdash.index.search.run_filter import parsed
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.rows import made_connection, made_run, run_object

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def found(text: str) -> list[str]:
    page = run_list_page(parsed(text), order=RunOrder(), rows=Run.objects.all(), limit=50)
    return [run.upstream_id for run in page.rows]


def step_object(run: Run, *calls: dict, number: int = 1, **fields: object) -> dict:
    return {
        "id": f"step_{run.upstream_id}_{number}", "object": "thread.run.step", "run_id": run.upstream_id,
        "thread_id": run.thread.upstream_id, "type": "tool_calls", "status": "completed",
        "created_at": int(run.created_at.timestamp()) + number, "last_error": None,
        "step_details": {"type": "tool_calls", "tool_calls": list(calls)}, **fields,
    }  # fmt: skip


def function_call(name: str, arguments: object, output: str | None) -> dict:
    function = {"name": name, "arguments": json.dumps(arguments), "output": output}
    return {"id": f"call_{name}", "type": "function", "function": function}


def take_steps(run: Run, *raws: dict) -> None:
    upsert_steps(run, [objects.RunStep.from_raw(raw) for raw in raws], fetched_at=timezone.now())


def message_object(run: Run, text: str, *, is_from_run: bool, number: int = 1, after_s: int = 2) -> dict:
    return {
        "id": f"msg_{run.upstream_id}_{number}", "object": "thread.message", "thread_id": run.thread.upstream_id,
        "created_at": int(run.created_at.timestamp()) + after_s, "role": "assistant" if is_from_run else "user",
        "run_id": run.upstream_id if is_from_run else None, "status": "completed", "metadata": {}, "attachments": [],
        "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
    }  # fmt: skip


def take_messages(run: Run, *raws: dict, later_s: int = 0) -> None:
    sent_at = timezone.now() + timedelta(seconds=later_s)
    upsert_messages(run.thread, [objects.Message.from_raw(raw) for raw in raws], fetched_at=sent_at)


def test_every_text_of_a_run_is_found(prod: Connection) -> None:
    other = made_run(prod, instructions="Say nothing.", age_s=5)
    run = made_run(prod, instructions="Reconcile invoices carefully.", status="failed")
    take_messages(
        run,
        message_object(run, "Please check INV-2026-11873", is_from_run=False, number=1, after_s=-1),
        message_object(run, "Paid by foo@bar.com in full", is_from_run=True, number=2),
    )
    code = {"type": "code_interpreter", "id": "call_c", "code_interpreter": {
        "input": "print('kilroy')", "outputs": [{"type": "logs", "logs": "wasted here"}]}}  # fmt: skip
    rates = function_call("get_rates", {"city": "Gdańsk", "note": "line\nbreak"}, "rate 7.25 snapshot")
    take_steps(
        run,
        step_object(run, rates, code),
        step_object(run, number=2, last_error={"code": "server_error", "message": "Kaboom upstairs"}),
    )
    for text in (
        "reconcile", "INV-2026-11873", "inv/2026/11873", "2026", "foo@bar.com", "get_rates", "gdańsk", "GDAŃSK",
        "break", "snapshot", "7.25", "kilroy", '"wasted here"', "kaboom", '"it broke"', '"paid by foo"',
    ):  # fmt: skip
        assert found(text) == [run.upstream_id], text
    for text in ("11873-2026", "gdansk", "nothing", '"here wasted"', "INV-2026-1187", "kil"):
        assert run.upstream_id not in found(text), text
    assert found("-reconcile") == [other.upstream_id]


def test_newest_first_and_never_by_rank(prod: Connection) -> None:
    once = made_run(prod, instructions="refund", age_s=10)
    often = made_run(prod, instructions="refund " * 50, age_s=100)
    assert found("refund") == [once.upstream_id, often.upstream_id]


def test_what_changes_is_found_by_its_new_words_only(prod: Connection) -> None:
    run = made_run(prod, status="in_progress")
    take_messages(run, message_object(run, "first draft", is_from_run=True))
    assert found("draft") == [run.upstream_id]
    take_messages(run, message_object(run, "final answer", is_from_run=True), later_s=5)
    assert found("answer") == [run.upstream_id]
    assert found("draft") == []


def test_an_error_that_comes_later_is_found(prod: Connection) -> None:
    raw = run_object(status="in_progress")
    for more in ({}, {"status": "failed", "last_error": {"code": "server_error", "message": "Quota gone"}}):
        upsert_runs(prod, [objects.Run.from_raw(raw | more)], fetched_at=timezone.now())
    assert found("quota") == [raw["id"]]


def test_a_question_belongs_to_the_run_that_answers_it(prod: Connection) -> None:
    first = made_run(prod, thread_id="thread_shared", age_s=100)
    second = made_run(prod, thread_id="thread_shared", age_s=50)
    take_messages(
        second,
        message_object(first, "zebra crossing", is_from_run=False, number=1, after_s=-1),
        message_object(first, "answered", is_from_run=True, number=2),
        message_object(second, "penguin parade", is_from_run=False, number=3, after_s=-1),
    )
    assert found("zebra") == [first.upstream_id]
    assert found("penguin") == [second.upstream_id]


def test_what_is_removed_is_found_no_more(prod: Connection) -> None:
    run = made_run(prod, instructions="ephemeral")
    RunTool.objects.filter(run=run).delete()
    Run.objects.filter(pk=run.pk).delete()
    assert found("ephemeral") == []
    assert not RunText.objects.filter(words__contains="ephemeral").exists()


def test_the_first_100_kb_of_each_text_are_searched(prod: Connection) -> None:
    filler = "lorem ipsum " * 20_000
    near, far = filler[: SEARCHABLE_CHARS - 20] + " needle ", filler[:SEARCHABLE_CHARS] + " haystack "
    run = made_run(prod, instructions="short")
    take_steps(run, step_object(run, function_call("read_log", {}, near)))
    assert found("needle") == [run.upstream_id]
    assert not RunText.objects.get(run=run).is_cut
    take_steps(
        run,
        step_object(run, function_call("read_more", {}, far), number=2),
        step_object(run, function_call("read_again", {}, near.replace("needle", "thimble")), number=3),
    )
    assert found("haystack") == []
    assert found("thimble") == [run.upstream_id]
    assert RunText.objects.get(run=run).is_cut


def test_hostile_text_is_only_words(prod: Connection) -> None:
    run = made_run(prod, instructions="a\x00b \ud800 \"quoted' OR * NEAR( ] % _ \\ 'x' & | ! <-> :*")
    for text in ('"a b"', "quoted", "near", '"x"', '"quoted OR"'):
        assert found(text) == [run.upstream_id], text
    for text in ("'", "x*", '"qu% "', "quot_"):
        with_words = any(letter.isalnum() for letter in text)
        assert not with_words or found(text) == ([run.upstream_id] if text == "x*" else []), text


def test_long_words_and_repeated_words(prod: Connection) -> None:
    blob = "q7" * 500
    run = made_run(prod, instructions=f"{blob} " + "same " * 1000 + "same last")
    assert found(blob) == [run.upstream_id]
    assert found('"same same last"') == [run.upstream_id]
    assert found(blob + "z") == []
