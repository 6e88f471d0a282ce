"""Starting runs through the forms."""

import json

import pytest

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Run, Thread
from tests.dashboard.writing import fields, form_in, writes
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/runs/new/"

EVERYTHING = {
    "model": "gpt-4o-mini",
    "instructions": "Be short.",
    "tools": '[{"type": "code_interpreter"}]',
    "temperature": "0.5",
    "top_p": "0.9",
    "max_prompt_tokens": "1000",
    "max_completion_tokens": "500",
    "truncation_strategy": '{"type": "last_messages", "last_messages": 5}',
    "tool_choice": "auto",
    "parallel_tool_calls": "false",
    "response_format": '{"type": "text"}',
    "metadata-0-key": "ticket",
    "metadata-0-value": "4711",
}
EVERYTHING_SENT = {
    "model": "gpt-4o-mini",
    "instructions": "Be short.",
    "tools": [{"type": "code_interpreter"}],
    "temperature": 0.5,
    "top_p": 0.9,
    "max_prompt_tokens": 1000,
    "max_completion_tokens": 500,
    "truncation_strategy": {"type": "last_messages", "last_messages": 5},
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "text"},
    "metadata": {"ticket": "4711"},
}


def thread_path(run: Run) -> str:
    return f"/threads/{run.thread.upstream_id}/runs/new/"


def test_the_form_offers_the_assistants(operator, connection, assistant):
    form = form_in(operator.get(PATH), "run-form")
    offered = [one["value"] for one in form.one(id="id_assistant_id").all("option")]
    assert assistant["id"] in offered


def test_examples_and_hints_stand_whole_in_their_fields(operator, connection):
    form = form_in(operator.get(PATH), "run-form")
    assert form.one(id="id_truncation_strategy")["placeholder"] == '{"type": "auto"}'
    assert form.one(id="id_thread-messages")["placeholder"] == '[{"role": "user", "content": "…"}]'
    assert form.one(id="id_instructions")["placeholder"] == ""
    assert form.one("label", for_="id_truncation_strategy").text == "Truncation truncation_strategy"
    assert "256 or more" in form.one(id="id_max_prompt_tokens").parent.text


def test_a_run_started_by_hand_is_streamed_unless_one_says_no(operator, connection, assistant):
    form = parsed(operator.get(PATH)).one(id="run-form")
    (chosen,) = form.one("select", name="stream").all("option", selected=True)
    assert chosen["value"] == "true"


def test_on_a_new_thread_with_everything(operator, upstream, connection, assistant):
    posted = EVERYTHING | {
        "assistant_id": assistant["id"],
        "thread-message_text": "hello",
        "thread-messages": '[{"role": "user", "content": "before"}]',
        "thread-tool_resources": '{"code_interpreter": {"file_ids": []}}',
        "thread-metadata-0-key": "user",
        "thread-metadata-0-value": "u-9",
    }
    upstream.clear_requests()

    response = operator.post(PATH, posted)

    run = Run.objects.get()
    thread_id = run.thread.upstream_id
    assert (response.status_code, response["Location"]) == (
        302,
        f"/threads/{thread_id}/runs/{run.upstream_id}/",
    )
    thread_sent, run_sent = writes(upstream)
    assert (thread_sent["path"], run_sent["path"]) == ("/v1/threads", f"/v1/threads/{thread_id}/runs")
    assert thread_sent["body"] == {
        "messages": [{"role": "user", "content": "before"}, {"role": "user", "content": "hello"}],
        "tool_resources": {"code_interpreter": {"file_ids": []}},
        "metadata": {"user": "u-9"},
    }
    assert run_sent["body"] == EVERYTHING_SENT | {"assistant_id": assistant["id"]}
    assert AuditEntry.objects.filter(kind="outcome", result="done").count() == 2


def test_in_the_single_call(operator, upstream, connection, assistant):
    posted = {"assistant_id": assistant["id"], "thread-message_text": "hello", "is_single_call": "on"}
    upstream.clear_requests()
    assert operator.post(PATH, posted).status_code == 302
    (sent,) = writes(upstream)
    assert sent["path"] == "/v1/threads/runs"
    assert sent["body"]["thread"] == {"messages": [{"role": "user", "content": "hello"}]}


def test_on_an_existing_thread(operator, upstream, assistant, done_run):
    posted = EVERYTHING | {
        "assistant_id": assistant["id"],
        "additional_instructions": "Be kind.",
        "additional_message_text": "and now?",
        "reasoning_effort": "low",
    }
    assert operator.post(thread_path(done_run), posted).status_code == 302
    (sent,) = writes(upstream)
    assert sent["path"] == f"/v1/threads/{done_run.thread.upstream_id}/runs"
    assert sent["body"] == EVERYTHING_SENT | {
        "assistant_id": assistant["id"],
        "additional_instructions": "Be kind.",
        "additional_messages": [{"role": "user", "content": "and now?"}],
        "reasoning_effort": "low",
    }


def test_an_empty_field_is_not_sent(operator, upstream, assistant, done_run):
    form = form_in(operator.get(thread_path(done_run)), "run-form")
    operator.post(thread_path(done_run), fields(form) | {"assistant_id": assistant["id"]})
    assert writes(upstream)[0]["body"] == {"assistant_id": assistant["id"], "stream": True}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", "2.5", "2"),
        ("temperature", "warm", "number"),
        ("top_p", "7", "1"),
        ("max_prompt_tokens", "12", "256"),
        ("max_completion_tokens", "many", "number"),
        ("tools", "{not json", "Line 1"),
        ("tools", '{"type": "x"}', "array"),
        ("truncation_strategy", "[]", "object"),
        ("tool_choice", "{oops", "Line 1"),
        ("assistant_id", "", "Choose"),
        (
            "tools",
            '[{"type": "function", "function": {"name": "f", "parameters": {"default": NaN}}}]',
            "NaN is no number",
        ),
        ("response_format", '{"type": "x", "json_schema": [-Infinity]}', "-Infinity is no number"),
        ("tool_choice", '{"type": 1e999}', "1e999 is no number"),
        ("truncation_strategy", '{"type": "auto", "last_messages": NaN}', "NaN is no number"),
        *((name, word, "number") for name in ("temperature", "top_p") for word in ("NaN", "Infinity")),
    ],
)
def test_bad_input_is_refused_beside_its_field(operator, upstream, assistant, done_run, name, value, words):
    posted = EVERYTHING | {"assistant_id": assistant["id"], "reason": "try", name: value}
    response = operator.post(thread_path(done_run), posted)
    assert response.status_code == 422
    form = form_in(response, "run-form")
    assert words in form.one(id=f"id_{name}-err").text
    kept = fields(form)
    assert {key: kept[key] for key in posted if key != "assistant_id"} == {
        key: posted[key] for key in posted if key != "assistant_id"
    }
    assert writes(upstream) == []


def test_a_busy_thread_names_the_run_that_holds_it(operator, upstream, assistant, waiting):
    posted = {"assistant_id": assistant["id"], "instructions": "kept"}
    response = operator.post(thread_path(waiting), posted)
    assert response.status_code == 422
    errors = form_in(response, "run-form").one(id="errors")
    assert waiting.upstream_id in [link.get("title") for link in errors.all("a")]
    assert fields(form_in(response, "run-form"))["instructions"] == "kept"


def test_a_thread_that_was_made_is_used_again(operator, upstream, connection, assistant):
    upstream.fault("POST /runs$", "500")
    response = operator.post(PATH, {"assistant_id": assistant["id"], "thread-message_text": "hello"})
    assert response.status_code == 502
    made = Thread.objects.get().upstream_id
    kept = fields(form_in(response, "run-form"))
    assert kept["made_thread_id"] == made
    upstream.clear_requests()

    assert operator.post(PATH, kept | {"assistant_id": assistant["id"]}).status_code == 302
    assert [one["path"] for one in writes(upstream)] == [f"/v1/threads/{made}/runs"]


def test_a_second_post_leads_to_the_first_run(operator, upstream, connection, assistant):
    posted = fields(form_in(operator.get(PATH), "run-form"))
    posted |= {"assistant_id": assistant["id"], "thread-message_text": "hello"}
    first = operator.post(PATH, posted)
    upstream.clear_requests()
    again = operator.post(PATH, posted)
    assert again["Location"] == first["Location"]
    assert writes(upstream) == []


def test_no_answer_after_sending(operator, upstream, assistant, done_run):
    upstream.fault("POST /runs$", "reset_after")
    response = operator.post(thread_path(done_run), {"assistant_id": assistant["id"]})
    assert response.status_code == 504
    said = form_in(response, "run-form").one(id="errors").text
    assert "being checked" in said
    assert "may have been started" in said
    assert "was not started" not in said


def test_a_thread_whose_outcome_is_open_has_no_run(operator, upstream, assistant, connection):
    upstream.fault("POST /threads$", "reset_after")
    response = operator.post(PATH, {"assistant_id": assistant["id"]})
    assert response.status_code == 504
    assert "The run was not started" in form_in(response, "run-form").one(id="errors").text


def test_not_allowed(viewer, upstream, connection, done_run):
    assert viewer.get(PATH).status_code == 403
    assert viewer.post(thread_path(done_run), {}).status_code == 403


def test_a_thread_that_nobody_knows_has_no_form(operator, upstream, connection):
    assert operator.get("/threads/thread_nope/runs/new/").status_code == 404


def test_wrong_method(operator, connection):
    assert operator.delete(PATH).status_code == 405


def test_without_a_connection_it_says_what_to_do(operator, db):
    response = operator.get(PATH)
    assert response.status_code == 404
    assert "connection" in parsed(response).one("h1").text.lower()


def test_hostile_json_text_does_not_break_the_form(operator, assistant, connection):
    deep = "[" * 100_000
    response = operator.post(PATH, {"assistant_id": assistant["id"], "tools": deep})
    assert response.status_code == 422
    assert json.loads(json.dumps(fields(form_in(response, "run-form"))["tools"])) == deep
