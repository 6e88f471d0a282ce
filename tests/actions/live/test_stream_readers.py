"""A stream is read into rows: piece by piece, to its end, broken off, left behind, and going on after an answer."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.actions.audited_call import new_token
from runsdash.actions.live import output_rows
from runsdash.actions.management.commands.sync import chores
from runsdash.actions.models import LiveOutput, LivePiece, LiveState
from runsdash.actions.start_run import create_run, create_thread
from runsdash.actions.submit_outputs import submit_tool_outputs
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import Run
from runsdash.sync.refresh import refresh_run
from tests.connected import wait_for
from tests.upstream import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.clock]


@pytest.fixture(scope="module")
def slow() -> Iterator[Sandbox]:
    """Writes an answer word by word, 25 a second."""
    with Sandbox(fast=False) as server:
        yield server


@pytest.fixture
def upstream(slow: Sandbox) -> Sandbox:
    slow.clear_faults()
    slow.clear_quirks()
    slow.clear_requests()
    return slow


@pytest.fixture
def stream(connection, assistant, operator) -> Iterator[Callable[[str], Run]]:
    """`stream("/long 40")` starts a streamed run. Every reader is waited for at the end."""
    started: list[Run] = []

    def start(words: str) -> Run:
        thread = create_thread(
            actor=operator, connection=connection, parameters={"messages": [{"role": "user", "content": words}]}
        )
        parameters = {"assistant_id": assistant["id"], "stream": True}
        started.append(
            create_run(actor=operator, connection=connection, thread_id=thread.upstream_id, parameters=parameters)
        )
        return started[-1]

    yield start
    for run in Run.objects.filter(pk__in=[run.pk for run in started]):
        until_over(run)


def until(look: Callable[[], object], *, seconds: float = 15) -> object:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)
    return found


def until_over(run: Run) -> LiveOutput:
    return until(lambda: LiveOutput.objects.filter(run=run).exclude(state=LiveState.READING).first())


def text_of(run: Run, kind: str = "text") -> str:
    return "".join(piece.text for piece in output_rows.all_pieces(run) if piece.kind == kind)


def ids_of(run: Run) -> dict:
    return {"thread_id": run.thread.upstream_id, "id": run.upstream_id}


def test_words_are_in_rows_before_the_run_ends_and_all_of_them_at_its_end(upstream, stream):
    run = stream("/long 50")
    early = until(lambda: text_of(run))
    assert upstream.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}")["status"] == "in_progress"
    assert LiveOutput.objects.get(run=run).is_reading

    live = until_over(run)

    assert (live.state, live.sentence, live.segment) == (LiveState.ENDED, "", 1)
    assert text_of(run).startswith(early)
    assert text_of(run) == upstream.answer_text(ids_of(run))
    assert len(text_of(run).split()) == 50
    # Two seconds of words, four pieces a second: merged, not one row a word.
    assert 3 <= LivePiece.objects.filter(run=run).count() <= 20


def test_it_ends_with_an_ordinary_read(upstream, stream):
    run = stream("/long 10")
    until_over(run)
    run.refresh_from_db()
    assert run.status == "completed"
    assert run.step_count == 1
    assert (run.question, run.reply) == ("/long 10", text_of(run)[:200])
    assert upstream.requests(method="GET", path="/steps")
    assert output_rows.is_wanted(output_rows.live_output_of(run), run) is not run.is_settled


def test_arguments_code_and_logs_grow_as_parts_of_their_own(upstream, stream):
    run = stream("/code 6*7 /tool get_stock")
    until_over(run)
    assert "6*7" in text_of(run, "code")
    assert text_of(run, "logs").strip() == "42"
    call = upstream.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}")["required_action"]
    (function,) = call["submit_tool_outputs"]["tool_calls"]
    assert text_of(run, "arguments") == function["function"]["arguments"]
    assert {piece.label for piece in output_rows.all_pieces(run)} >= {"Code", "Logs", "get_stock"}


def test_it_stops_at_requires_action_and_goes_on_after_the_answer(upstream, stream, operator):
    run = stream("/long 8 /tool get_stock /long 8")
    live = until_over(run)
    assert live.state == LiveState.ENDED
    before = text_of(run)
    run = refresh_run(run.connection, thread_id=run.thread.upstream_id, run_id=run.upstream_id, max_age_s=0, wait_s=5)
    assert run.status == "requires_action"
    assert output_rows.is_wanted(output_rows.live_output_of(run), run)

    outputs = {call["id"]: '{"left": 7}' for call in run.pending_calls}
    submit_tool_outputs(actor=operator, run=run, outputs=outputs, is_streamed=True, token=new_token())

    (sent,) = upstream.requests(method="POST", path="submit_tool_outputs")
    assert sent["body"]["stream"] is True
    wait_for(upstream, ids_of(run), "completed")
    live = until_over(run)
    assert (live.segment, live.state) == (2, LiveState.ENDED)
    assert text_of(run).startswith(before)
    assert len(text_of(run)) > len(before)
    assert text_of(run, "event").count("The run goes on.") == 1
    (arguments,) = {piece.part for piece in output_rows.all_pieces(run) if piece.kind == "arguments"}
    assert text_of(run, "arguments").count("{") == 1, arguments


@pytest.mark.parametrize("kind", ["truncate", "reset_after", "error"])
def test_a_stream_that_breaks_off_leaves_what_came_and_says_so(upstream, stream, kind):
    upstream.fault("POST /runs$", kind, after_events=12)
    run = stream("/long 60")
    live = until_over(run)
    assert live.state == LiveState.BROKEN
    assert re.search(r"closed before its end|reset by peer|broke", live.sentence)
    assert "int()" not in live.sentence
    assert text_of(run)
    assert len(text_of(run).split()) < 60
    wait_for(upstream, ids_of(run), "completed")


def test_why_it_failed_is_kept_when_only_an_event_says_so(connection, upstream, stream):
    upstream.quirk(errors_as_events=True)
    run = stream("/fail rate_limit_exceeded")
    live = until_over(run)
    run = refresh_run(connection, thread_id=run.thread.upstream_id, run_id=run.upstream_id, max_age_s=0)
    assert (run.status, run.error_code) == ("failed", "rate_limit_exceeded")
    assert run.error_message
    assert (live.state, live.sentence) == (LiveState.ENDED, "")


def test_a_reader_that_gives_no_sign_of_life_counts_as_broken(upstream, stream):
    run = stream("/long 60")
    until(lambda: text_of(run))
    LiveOutput.objects.filter(run=run).update(reader="a dead process", beat_at=timezone.now() - timedelta(minutes=1))

    live = output_rows.live_output_of(run)

    assert live.state == LiveState.BROKEN
    assert live.sentence == output_rows.LOST
    kept = text_of(run)
    wait_for(upstream, ids_of(run), "completed")
    time.sleep(1)
    assert text_of(run) == kept  # a reader whose place was taken writes nothing any more
    LiveOutput.objects.filter(run=run).update(state=LiveState.BROKEN)


def test_pieces_after_one_are_exactly_the_rest(stream):
    run = stream("/long 40")
    until(lambda: LivePiece.objects.filter(run=run).count() >= 3)
    seen = output_rows.all_pieces(run)[1]
    until_over(run)
    rest = "".join(piece.text for piece in output_rows.pieces_after(run, seen.pk))
    told = "".join(piece.text for piece in output_rows.all_pieces(run).filter(id__lte=seen.pk))
    assert told + rest == "".join(piece.text for piece in output_rows.all_pieces(run))


def test_the_worker_sweeps():
    assert output_rows.sweep_live_output in [chore.act for chore in chores()]


def test_a_purge_takes_the_text_along(stream):
    run = stream("/long 5")
    until_over(run)
    while not purge_some(run.thread, within_s=5):
        pass
    assert not LiveOutput.objects.exists()
    assert not LivePiece.objects.exists()


def test_the_sweep_takes_settled_runs_after_a_while_and_no_others(upstream, stream):
    done, waiting = stream("/long 5"), stream("/tool get_stock")
    for run in (done, waiting):
        until_over(run)
    wait_for(upstream, ids_of(done), "completed")
    refresh_run(done.connection, thread_id=done.thread.upstream_id, run_id=done.upstream_id, max_age_s=0, wait_s=5)
    assert output_rows.sweep_live_output() == 0
    LiveOutput.objects.update(beat_at=timezone.now() - output_rows.KEPT_AFTER_END - timedelta(seconds=1))
    until(output_rows.sweep_live_output)
    assert list(LiveOutput.objects.values_list("run", flat=True)) == [waiting.pk]
    assert set(LivePiece.objects.values_list("run", flat=True)) == {waiting.pk}
    LiveOutput.objects.create(run=done, state=LiveState.ENDED, reader="for the fixture")
