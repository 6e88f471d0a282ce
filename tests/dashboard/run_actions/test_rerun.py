"""Running again, on the same thread or on a copy of it."""

import json

import pytest

from runsdash.actions.models import Lineage
from runsdash.index.models import Run
from runsdash.sync.refresh import refresh_run
from tests.dashboard.writing import fields, form_in, path_of, writes
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source(connection, upstream, start):
    """A run with parameters of its own."""
    run = start(
        "what is 2+2",
        until="completed",
        instructions="Be exact.",
        temperature=0.3,
        max_completion_tokens=900,
        metadata={"ticket": "7"},
        response_format={"type": "text"},
        parallel_tool_calls=False,
        tools=[{"type": "code_interpreter"}],
    )
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.clear_requests()
    return row


def test_it_is_titled_as_what_it_is(operator, source):
    page = parsed(operator.get(path_of(source, "rerun")))
    assert page.one("title").text.startswith("Re-run of ")
    assert page.one("h1").text == "Re-run"


def test_the_form_is_filled_in_with_everything(operator, source):
    found = fields(form_in(operator.get(path_of(source, "rerun")), "run-form"))
    assert found["assistant_id"] == source.assistant_id
    assert (found["instructions"], found["temperature"]) == ("Be exact.", "0.3")
    assert found["max_completion_tokens"] == "900"
    assert found["parallel_tool_calls"] == "false"
    assert json.loads(found["response_format"]) == {"type": "text"}
    assert json.loads(found["tools"]) == [{"type": "code_interpreter"}]
    assert (found["metadata-0-key"], found["metadata-0-value"]) == ("ticket", "7")


def test_on_the_same_thread(operator, upstream, source):
    path = path_of(source, "rerun")
    posted = fields(form_in(operator.get(path), "run-form")) | {"temperature": "0.9", "target": "thread"}
    upstream.clear_requests()

    response = operator.post(path, posted)

    assert response.status_code == 302
    (sent,) = writes(upstream)
    assert sent["path"] == f"/v1/threads/{source.thread.upstream_id}/runs"
    assert (sent["body"]["temperature"], sent["body"]["instructions"]) == (0.9, "Be exact.")
    lineage = Lineage.objects.get()
    assert (lineage.source, lineage.is_on_copy, lineage.changed) == (source, False, ["temperature"])


def test_on_a_copy_of_the_thread(operator, upstream, source):
    path = path_of(source, "rerun")
    posted = fields(form_in(operator.get(path), "run-form")) | {"target": "copy"}
    upstream.clear_requests()

    assert operator.post(path, posted).status_code == 302

    thread_sent, run_sent = writes(upstream)
    texts = [part["text"] for message in thread_sent["body"]["messages"] for part in message["content"]]
    assert texts == ["what is 2+2"]  # without the answer of the source
    run = Run.objects.exclude(pk=source.pk).get()
    assert run.thread.upstream_id != source.thread.upstream_id
    assert run_sent["path"] == f"/v1/threads/{run.thread.upstream_id}/runs"
    assert Lineage.objects.get().is_on_copy


@pytest.mark.parametrize("texts_only", [True, False])
def test_what_no_server_takes_is_left_out_of_the_copy_and_said(texts_only, operator, connection, upstream):
    made = upstream.seed(odd_messages=True)
    source = refresh_run(connection, thread_id=made["thread_id"], run_id=made["run_id"])
    path = path_of(source, "rerun")
    posted = fields(form_in(operator.get(path), "run-form")) | {"target": "copy"}
    answer = operator.post(path, posted | ({"texts_only": "on"} if texts_only else {}), follow=True)

    assert answer.status_code == 200
    sent = next(one["body"]["messages"] for one in writes(upstream) if one["path"] == "/v1/threads")
    assert [(one["role"], one["content"][0]["text"]) for one in sent] == [
        ("user", "Please check every parcel of the evening van."),
        ("user", "Answer in one sentence."),
    ]
    assert any("attachments" in one for one in sent) is not texts_only
    said = parsed(answer).one(id="toasts").text
    assert "2 messages without content" in said
    assert "role system" in said


def test_a_refused_copy_can_be_cured_in_the_form(operator, connection, upstream):
    made = upstream.seed(odd_messages=True)
    source = refresh_run(connection, thread_id=made["thread_id"], run_id=made["run_id"])
    path = path_of(source, "rerun")
    upstream.fault("POST /threads$", "404")  # as of a file that is gone
    refused = operator.post(path, fields(form_in(operator.get(path), "run-form")) | {"target": "copy"})
    assert refused.status_code == 422
    form = form_in(refused, "run-form")
    assert form.one("input", name="texts_only")
    cured = fields(form) | {"target": "copy", "texts_only": "on"}
    again = parsed(operator.post(path, cured | {"temperature": "9"}))
    assert "checked" in again.one("input", name="texts_only").attributes
    assert operator.post(path, cured).status_code == 302


def test_a_second_try_goes_on_the_copy_that_is_there(operator, upstream, source):
    path = path_of(source, "rerun")
    upstream.fault("POST /runs$", "429")
    refused = operator.post(path, fields(form_in(operator.get(path), "run-form")) | {"target": "copy"})
    form = form_in(refused, "run-form")
    copy_id = fields(form)["made_thread_id"]
    assert copy_id in form.text
    upstream.clear_requests()

    assert operator.post(path, fields(form) | {"target": "copy"}).status_code == 302

    assert [one["path"] for one in writes(upstream)] == [f"/v1/threads/{copy_id}/runs"]
    assert Lineage.objects.get().is_on_copy


def test_lineage_is_shown_on_both_sides(operator, source):
    path = path_of(source, "rerun")
    made = operator.post(path, fields(form_in(operator.get(path), "run-form")) | {"target": "copy"})["Location"]
    new = parsed(operator.get(made)).one(id="run-lineage")
    assert "nothing edited" in new.text
    assert new.one("a")["title"] == source.upstream_id
    old = parsed(operator.get(path.removesuffix("rerun/"))).one(id="run-lineage")
    assert old.one("a")["href"] == made


def test_an_edited_field_is_marked(operator, source):
    path = path_of(source, "rerun")
    posted = fields(form_in(operator.get(path), "run-form")) | {"temperature": "9", "top_p": "1"}
    response = operator.post(path, posted)
    assert response.status_code == 422
    form = form_in(response, "run-form")
    marked = [
        label.one("code").text
        for label in form.all("label")
        for mark in label.all(data_edited=True)
        if "hidden" not in mark.attributes
    ]
    assert "temperature" in marked
    assert "instructions" not in marked


def test_a_busy_thread_is_said(operator, upstream, waiting):
    path = path_of(waiting, "rerun")
    posted = fields(form_in(operator.get(path), "run-form")) | {"target": "thread"}
    response = operator.post(path, posted)
    assert response.status_code == 422
    assert waiting.upstream_id in form_in(response, "run-form").one(id="errors").text


def test_not_allowed_and_wrong_method(viewer, operator, source):
    assert viewer.get(path_of(source, "rerun")).status_code == 403
    assert operator.delete(path_of(source, "rerun")).status_code == 405


def test_unknown_run(operator, source):
    assert operator.get(f"/threads/{source.thread.upstream_id}/runs/run_no/rerun/").status_code == 404


def test_a_copy_whose_outcome_is_open_has_no_run(operator, upstream, source):
    path = path_of(source, "rerun")
    posted = fields(form_in(operator.get(path), "run-form")) | {"target": "copy"}
    upstream.fault("POST /threads$", "reset_after")
    response = operator.post(path, posted)
    assert response.status_code == 504
    assert "The run was not started" in form_in(response, "run-form").one(id="errors").text
