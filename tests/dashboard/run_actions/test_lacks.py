"""A write that the server does not offer: said in its words, kept as typed, remembered with its age, its control off."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.index.models import Connection
from tests.dashboard.writing import done_run, form_in, path_of, waiting, writes  # noqa: F401
from tests.pages import page_of, parsed
from tests.people import HTMX

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "POST /threads/{thread_id}/runs/{run_id}"
TYPED = {"metadata-0-key": "ticket", "metadata-0-value": "T-1", "reason": "renumbered"}


def button_of(form) -> object:
    return next(one for one in form.all("button") if one.get("type") == "submit")


def test_a_change_that_is_not_offered_is_remembered(operator, upstream, done_run):  # noqa: F811
    upstream.quirk(lacks=[RUN])
    path = path_of(done_run, "metadata")
    answer = operator.post(path, TYPED)
    assert answer.status_code == 422
    form = form_in(answer, "metadata-form")
    assert "Not allowed to POST on" in form.one(data_lack="modify_run").text
    assert "when it is started" in form.one(data_lack="modify_run").text
    assert form.one("input", name="metadata-0-value")["value"] == "T-1"
    assert "disabled" in button_of(form).attributes
    (sent,) = writes(upstream)
    assert sent["status"] == 405

    page = page_of(operator.get(path_of(done_run, "metadata").removesuffix("metadata/")))
    assert page.one(id="edit-metadata").tag == "span"
    assert "not offered" in page.one(id="edit-metadata").text
    assert "disabled" in button_of(form_in(operator.get(path), "metadata-form")).attributes

    row = Connection.objects.get()
    row.capabilities["modify_run"]["at"] = (timezone.now() - timedelta(hours=2)).isoformat()
    row.save()
    assert "disabled" not in button_of(form_in(operator.get(path), "metadata-form")).attributes
    upstream.clear_quirks()
    assert operator.post(path, TYPED).status_code == 302
    assert Connection.objects.get().capabilities["modify_run"]["works"] is True


def test_a_cancel_that_is_not_offered_turns_the_button_off(operator, upstream, waiting):  # noqa: F811
    upstream.quirk(lacks=[f"{RUN}/cancel"])
    path = path_of(waiting, "cancel")
    assert operator.post(path, {"reason": "wrong"}).status_code == 422
    page = page_of(operator.get(path.removesuffix("cancel/")))
    button = page.one(id="cancel-run")
    assert (button.tag, button["aria-disabled"]) == ("button", "true")
    assert page.one(id="cancel-why").text == "Not offered by this server"


def test_outputs_that_are_not_offered_stay_as_typed(operator, upstream, waiting):  # noqa: F811
    upstream.quirk(lacks=[f"{RUN}/submit_tool_outputs"])
    call_id = waiting.pending_calls[0]["id"]
    answer = operator.post(path_of(waiting, "tool-outputs"), {f"output-{call_id}": "7", "token": "t"})
    assert answer.status_code == 422
    form = parsed(answer).one("form", id="tool-outputs")
    assert form.one("textarea", name=f"output-{call_id}").text == "7"
    assert form.one(data_lack="submit_tool_outputs")
    assert all("disabled" in one.attributes for one in form.all("button", name="do"))


def test_a_cancel_that_is_not_offered_is_off_on_the_threads_page(operator, upstream, waiting):  # noqa: F811
    upstream.quirk(lacks=[f"{RUN}/cancel"])
    thread = f"/threads/{waiting.thread.upstream_id}/"
    page = page_of(operator.get(thread))
    assert page.one(id="cancel-run").tag == "a"
    poll = page.one(id="poll")
    assert operator.post(path_of(waiting, "cancel"), {"reason": "wrong"}).status_code == 422
    lock = page_of(operator.get(thread)).one(id="thread-lock")
    assert (lock.one(id="cancel-run").tag, lock.one(id="cancel-why").text) == ("button", "Not offered by this server")
    asked = HTMX | {"HX-PTag": poll["hx-ptag"]}
    assert operator.get(poll["hx-get"], headers=asked).status_code == 200


def test_a_single_call_that_is_not_offered_is_made_in_two(operator, upstream, connection):
    upstream.quirk(lacks=["POST /threads/runs"])
    typed = {
        "assistant_id": "asst_sandbox_dispatch",
        "thread-message_text": "How many are left?",
        "is_single_call": "on",
        "stream": "false",
    }
    answer = operator.post("/runs/new/", typed | {"token": "t1"})
    assert answer.status_code == 422
    page = parsed(answer)
    box = page.one("input", name="is_single_call")
    assert "disabled" in box.attributes
    assert "checked" not in box.attributes
    assert "the thread is made first" in page.one(data_lack="create_thread_and_run").text
    assert page.one("textarea", name="thread-message_text").text == "How many are left?"
    assert [one["status"] for one in writes(upstream)] == [404]
    upstream.clear_requests()
    shown = {name: value for name, value in typed.items() if name != "is_single_call"}  # as the browser sends it
    assert operator.post("/runs/new/", shown | {"token": "t2"}).status_code == 302
    assert next(one["path"].removeprefix("/v1") for one in writes(upstream)) == "/threads"


def test_a_stream_that_did_not_come_is_not_offered_again(operator, upstream, connection):
    upstream.quirk(no_streams=True)
    typed = {"assistant_id": "asst_sandbox_dispatch", "thread-message_text": "Hello", "stream": "true", "token": "t"}
    assert operator.post("/runs/new/", typed).status_code == 302
    page = page_of(operator.get("/runs/new/"))
    live = next(one for one in page.one("select", name="stream").all("option") if one["value"] == "true")
    assert "disabled" in live.attributes
    assert "with the run alone" in page.one(data_lack="stream").text
    upstream.clear_quirks()
    assert operator.post("/runs/new/", typed | {"token": "u"}).status_code == 302
    assert not page_of(operator.get("/runs/new/")).all(data_lack="stream")


def test_a_deletion_that_is_not_offered_is_off(admin, upstream, done_run):  # noqa: F811
    upstream.quirk(lacks=["DELETE /threads/{thread_id}"])
    path = f"/threads/{done_run.thread.upstream_id}/delete/"
    typed = {"confirm": done_run.thread.upstream_id, "reason": "asked for", "anyway": "yes"}
    answer = admin.post(path, typed)
    assert answer.status_code == 422
    assert parsed(answer).one("input", name="confirm")["value"] == done_run.thread.upstream_id
    assert "purge" in parsed(answer).one(data_lack="delete_thread").text
    assert "disabled" in button_of(form_in(admin.get(path), "delete-form")).attributes
