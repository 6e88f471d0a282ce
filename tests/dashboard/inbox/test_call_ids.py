"""Calls that a server sends without an id, two under one id, or twice: what can be answered is, the rest is not."""

import pytest

from runsdash.actions.models import Draft, SentOutput
from runsdash.actions.submit_outputs import submit_tool_approvals, submit_tool_outputs
from runsdash.index.models import Run
from runsdash.service import InvalidRequest
from runsdash.sync.refresh import refresh_run
from tests.connected import wait_for
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import parsed
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db(transaction=True)
TWO_TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("get_a", "get_b")
]
FAULTS = {
    "same": "The server sent 2 different tool calls under one id, '0'",
    "missing": "The server sent 2 of 2 tool calls without an id",
}


@pytest.fixture
def waiting_for_two(connection, upstream, start):
    """`waiting_for_two("same")`: a run that waits for two calls whose ids the server spoils like that."""

    def waits(call_ids: str, words: str = "/tools") -> Run:
        run = start(words, until="requires_action", tools=TWO_TOOLS)
        upstream.quirk(call_ids=call_ids)
        row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
        upstream.clear_requests()
        return row

    return waits


def cancel_link(run: Run) -> str:
    return path_of(run, "cancel")


@pytest.mark.parametrize("call_ids", FAULTS)
@pytest.mark.parametrize("page", ["", "tool-outputs/"])
def test_the_form_names_the_fault_and_offers_the_cancel(operator, waiting_for_two, call_ids, page):
    run = waiting_for_two(call_ids)
    form = form_in(operator.get(path_of(run, "tool-outputs").removesuffix("tool-outputs/") + page), "tool-outputs")
    alert = form.one(role="alert")
    assert alert.text.startswith(FAULTS[call_ids])
    assert alert.one("a")["href"] == cancel_link(run)
    assert [one.text for one in form.all("h3")] == ["get_a", "get_b"]
    assert form.all("textarea") + form.all("button", type="submit") + form.all(data_answer_error=True) == []
    assert form.all("div", hx_trigger=True) == []


@pytest.mark.parametrize("kind", ["plain", "htmx"])
@pytest.mark.parametrize("call_ids", FAULTS)
def test_nothing_is_sent_or_kept_and_what_was_typed_stays(operator, upstream, waiting_for_two, call_ids, kind):
    run = waiting_for_two(call_ids)
    path, posted = path_of(run, "tool-outputs"), {"output-0": "typed", "output-": "", "empty-": "on", "token": "a"}
    response = htmx(operator, path, posted) if kind == "htmx" else operator.post(path, posted)
    assert response.status_code == 422
    form = form_in(response, "tool-outputs")
    assert form.all(role="alert")[0].text.startswith(FAULTS[call_ids])
    assert fields(form)["output-0"] == "typed"
    assert len(form.all("textarea", name="output-0")) == 1
    assert writes(upstream) == []
    assert htmx(operator, path + "draft/", posted).status_code == 200
    assert not Draft.objects.exists()
    assert not SentOutput.objects.exists()


@pytest.mark.parametrize("call_ids", FAULTS)
def test_the_inbox_does_not_lead_to_an_answer(operator, viewer, waiting_for_two, call_ids):
    run = waiting_for_two(call_ids)
    row = parsed(operator.get("/needs-action/")).one("tr", id=f"waiting-{run.pk}")
    assert FAULTS[call_ids] in row.text
    assert [one["href"] for one in row.all("a", class_="btn")] == [cancel_link(run)]
    row = parsed(viewer.get("/needs-action/")).one("tr", id=f"waiting-{run.pk}")
    assert FAULTS[call_ids] in row.text
    assert not [one for one in row.all("a") if one["href"] == cancel_link(run)]
    slot = parsed(viewer.get(path_of(run, "tool-outputs").removesuffix("tool-outputs/"))).one(id="tool-outputs-slot")
    assert FAULTS[call_ids] in slot.text


@pytest.mark.parametrize("call_ids", FAULTS)
def test_the_actions_refuse_it_too(operator, upstream, waiting_for_two, call_ids):
    run = waiting_for_two(call_ids)
    with pytest.raises(InvalidRequest, match="cancel the run"):
        submit_tool_outputs(actor=operator.user, run=run, outputs={"0": "1"})
    with pytest.raises(InvalidRequest, match="cancel the run"):
        submit_tool_approvals(actor=operator.user, run=run, approvals={"0": True})
    assert writes(upstream) == []


def test_approvals_without_ids_of_their_own(operator, connection, upstream, start):
    run = start("/approve", until="requires_action")
    upstream.quirk(call_ids="repeated")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    assert len(row.pending_calls) == 1
    upstream.quirk(call_ids="missing")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"], max_age_s=0)
    upstream.clear_requests()
    response = operator.post(path_of(row, "tool-outputs"), {"approve-": "yes"})
    assert response.status_code == 422
    form = form_in(response, "tool-outputs")
    assert "1 of 1 tool calls without an id" in form.all(role="alert")[0].text
    assert form.all("input", type="radio") == []
    assert writes(upstream) == []


def test_such_a_run_is_cancelled_from_there(operator, upstream, waiting_for_two):
    run = waiting_for_two("same")
    form = parsed(operator.get(cancel_link(run))).one("form", id="cancel-form")
    assert operator.post(cancel_link(run), fields(form)).status_code == 302
    ids = {"thread_id": run.thread.upstream_id, "id": run.upstream_id}
    assert wait_for(upstream, ids, "cancelled")


def test_a_call_that_is_sent_twice_has_one_box_and_one_output(operator, upstream, waiting_for_two):
    run = waiting_for_two("repeated")
    first, second = [f"output-{call['id']}" for call in run.pending_calls]
    form = form_in(operator.get(path_of(run, "tool-outputs")), "tool-outputs")
    assert [one["name"] for one in form.all("textarea")] == [first, second]
    answer = htmx(operator, path_of(run, "tool-outputs"), fields(form) | {first: "1", second: "2"})
    assert "2 answers sent" in parsed(answer).one("hx-partial", hx_target="#tool-outputs").text
    (sent,) = writes(upstream)
    assert sent["status"] == 200
    assert [one["output"] for one in sent["body"]["tool_outputs"]] == ["1", "2"]
    row = parsed(operator.get("/needs-action/")).all("tr", id=f"waiting-{run.pk}")
    assert row == []


@pytest.mark.parametrize(
    ("calls", "count", "words"),
    [
        ([("0", "get_a", '{"x":1}'), ("0", "get_a", '{"x":1}')], 1, ""),
        ([("0", "get_a", '{"x":1}'), ("0", "get_a", '{"x":2}')], 2, "2 different tool calls under one id, '0'."),
        (
            [("0", "get_a", "{}"), ("1", "get_a", "{}"), ("0", "get_b", "{}")],
            3,
            "2 different tool calls under one id, '0'.",
        ),
        ([(None, "get_a", "{}"), ("1", "get_b", "{}")], 2, "1 of 2 tool calls without an id"),
        ([(None, "get_a", "{}"), (None, "get_a", "{}")], 2, "2 of 2 tool calls without an id"),
        ([("", "get_a", "{}")], 1, "1 of 1 tool calls without an id"),
        ([("a", "get_a", "{}"), ("b", "get_a", "{}")], 2, ""),
    ],
)
def test_which_calls_can_be_told_apart(db, calls, count, words):
    told = [{"type": "function", "id": one, "function": {"name": name, "arguments": text}} for one, name, text in calls]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": told}}
    run = made_run(made_connection(), status="requires_action", required_action=action)
    assert len(run.pending_calls) == count
    assert words in run.calls_fault
    assert bool(run.calls_fault) == bool(words)
