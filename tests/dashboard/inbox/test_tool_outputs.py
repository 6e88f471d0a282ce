"""Answering tool calls through the form."""

import json

import pytest

from runsdash.audit.models import AuditEntry
from runsdash.sync.refresh import refresh_run
from tests.connected import wait_for
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import parsed
from tests.people import HTMX

pytestmark = pytest.mark.django_db(transaction=True)
TWO_TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("first", "second")
]


def page_path(row) -> str:
    return f"/threads/{row.thread.upstream_id}/runs/{row.upstream_id}/"


@pytest.fixture
def waiting_twice(connection, upstream, start):
    run = start("/tools", until="requires_action", tools=TWO_TOOLS)
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.clear_requests()
    return row


def boxes(row) -> list[str]:
    return [f"output-{call['id']}" for call in row.pending_calls]


def test_every_call_has_a_box_and_all_go_in_one_request(operator, upstream, waiting_twice):
    path = path_of(waiting_twice, "tool-outputs")
    form = form_in(operator.get(path), "tool-outputs")
    assert [one["name"] for one in form.all("textarea")] == boxes(waiting_twice)
    first, second = boxes(waiting_twice)

    response = operator.post(path, fields(form) | {first: '{"n": 1}', second: "zwei"})

    assert response.status_code == 302
    (sent,) = writes(upstream)
    assert sent["body"]["tool_outputs"] == [
        {"tool_call_id": first.removeprefix("output-"), "output": '{"n": 1}'},
        {"tool_call_id": second.removeprefix("output-"), "output": "zwei"},
    ]
    ids = {"thread_id": waiting_twice.thread.upstream_id, "id": waiting_twice.upstream_id}
    assert wait_for(upstream, ids, "completed")


def test_a_computer_waits_for_a_screenshot_by_its_own_word(operator, connection, upstream, start):
    run = start("/computer tides near me", until="requires_action")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    page = parsed(operator.get(page_path(row)))
    (step,) = page.all("tr", data_step_id=True)
    assert step.one("th").text.startswith("Computer use")
    shown = parsed(operator.get(f"{page_path(row)}?step={step['data-step-id']}")).one(id="step-panel")
    assert "tides near me" in shown.text
    assert "Computer use" in parsed(operator.get("/needs-action/")).one("tr", data_run_id=run["id"]).text
    form = form_in(operator.get(path_of(row, "tool-outputs")), "tool-outputs")
    assert "tides near me" in form.text
    (box,) = boxes(row)
    operator.post(path_of(row, "tool-outputs"), fields(form) | {box: "a screenshot of the tides"})
    wait_for(upstream, run, "completed")
    ended = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"], max_age_s=0)
    assert "a screenshot of the tides" in parsed(operator.get(f"{page_path(ended)}?step={step['data-step-id']}")).text


def test_arguments_are_shown(operator, waiting):
    form = form_in(operator.get(path_of(waiting, "tool-outputs")), "tool-outputs")
    assert form.one("span", class_="jk").text == "sku"


@pytest.mark.parametrize("kind", ["plain", "htmx"])
def test_a_server_that_takes_them_and_changes_nothing_is_told(kind, operator, upstream, waiting_twice):
    upstream.quirk(writes_ignored=True)
    path = path_of(waiting_twice, "tool-outputs")
    posted = dict.fromkeys(boxes(waiting_twice), "typed") | {"token": "t"}
    answer = htmx(operator, path, posted) if kind == "htmx" else operator.post(path, posted, follow=True)
    assert "The server took the request and changed nothing: the run still waits for all" in parsed(answer).text
    form = form_in(operator.get(path), "tool-outputs")
    assert [one.text for one in form.all("textarea")] == ["typed", "typed"]
    assert AuditEntry.objects.get(kind="outcome").result == "unchanged"


def test_it_works_with_htmx(operator, upstream, waiting):
    path = path_of(waiting, "tool-outputs")
    form = parsed(operator.get(path, headers=HTMX)).one("form", id="tool-outputs")
    response = htmx(operator, path, fields(form) | {boxes(waiting)[0]: "7"})
    assert response.status_code == 200
    assert "run-changed" in response["HX-Trigger"]
    partial = parsed(response).one("hx-partial", hx_target="#tool-outputs")
    assert "1 answer sent" in partial.text
    assert len(writes(upstream)) == 1


@pytest.mark.parametrize("kind", ["plain", "htmx"])
def test_a_missing_output_is_refused_here_and_the_others_stay(operator, upstream, waiting_twice, kind):
    path, (first, second) = path_of(waiting_twice, "tool-outputs"), boxes(waiting_twice)
    posted = {first: "typed", second: ""}
    response = htmx(operator, path, posted) if kind == "htmx" else operator.post(path, posted)
    assert response.status_code == 422
    form = form_in(response, "tool-outputs")
    assert fields(form)[first] == "typed"
    assert "1 of 2 not answered yet" in form.all(role="alert")[0].text
    assert writes(upstream) == []


def test_an_empty_output_has_to_be_meant(operator, upstream, waiting):
    (box,) = boxes(waiting)
    response = operator.post(path_of(waiting, "tool-outputs"), {box: "", box.replace("output-", "empty-"): "on"})
    assert response.status_code == 302
    assert writes(upstream)[0]["body"]["tool_outputs"][0]["output"] == ""


def test_too_much_is_refused_here(operator, upstream, waiting):
    (box,) = boxes(waiting)
    response = operator.post(path_of(waiting, "tool-outputs"), {box: "x" * 524_288})
    assert response.status_code == 422
    assert "524,288" in form_in(response, "tool-outputs").all(role="alert")[0].text
    assert writes(upstream) == []


def test_answered_by_somebody_else_keeps_what_was_typed(operator, upstream, waiting):
    (box,) = boxes(waiting)
    path = path_of(waiting, "tool-outputs")
    ids = {"thread_id": waiting.thread.upstream_id, "id": waiting.upstream_id}
    refresh_run(waiting.connection, thread_id=ids["thread_id"], run_id=ids["id"])
    upstream.post(
        f"{path[:-1].removesuffix('tool-outputs')}submit_tool_outputs",
        {"tool_outputs": [{"tool_call_id": box.removeprefix("output-"), "output": "1"}]},
    )
    wait_for(upstream, ids, "completed")

    response = operator.post(path, {box: "mine", "token": "x"})

    assert response.status_code == 422
    form = form_in(response, "tool-outputs")
    assert fields(form)[box] == "mine"
    assert 'Runs in status "completed" do not accept tool outputs.' in form.all(role="alert")[0].text


def test_wrong_method(operator, waiting):
    assert operator.put(path_of(waiting, "tool-outputs")).status_code == 405


def test_not_allowed(viewer, upstream, waiting):
    assert viewer.post(path_of(waiting, "tool-outputs"), {boxes(waiting)[0]: "1"}).status_code == 403
    assert writes(upstream) == []


def test_a_run_that_waits_for_nothing_says_so(operator, done_run):
    form = form_in(operator.get(path_of(done_run, "tool-outputs")), "tool-outputs")
    assert form.one("h2").text == "This run waits for nothing"
    assert form.all("button", type="submit") == []


@pytest.mark.parametrize(("kind", "status"), [("500", 502), ("reset_after", 504)])
def test_upstream_down_keeps_what_was_typed(operator, upstream, waiting, kind, status):
    upstream.fault("POST /submit_tool_outputs", kind)
    (box,) = boxes(waiting)
    response = operator.post(path_of(waiting, "tool-outputs"), {box: json.dumps({"left": 7})})
    assert response.status_code == status
    assert fields(form_in(response, "tool-outputs"))[box] == '{"left": 7}'


def test_a_double_click_sends_once(operator, upstream, waiting):
    path = path_of(waiting, "tool-outputs")
    posted = fields(form_in(operator.get(path), "tool-outputs")) | {boxes(waiting)[0]: "7"}
    operator.post(path, posted)
    again = htmx(operator, path, posted)
    assert again.status_code == 200
    assert "sent before" in parsed(again).one("hx-partial", hx_target="#toasts").text
    assert len(writes(upstream)) == 1


def test_approvals(operator, connection, upstream, start):
    run = start("/approve", until="requires_action")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    path, call = path_of(row, "tool-outputs"), row.pending_calls[0]["id"]
    upstream.clear_requests()
    assert operator.post(path, {}).status_code == 422
    assert operator.post(path, {f"approve-{call}": "no"}).status_code == 302
    assert writes(upstream)[0]["body"]["tool_approvals"] == [{"tool_call_id": call, "approve": False}]
