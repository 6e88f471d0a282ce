"""Drafts of tool outputs: saved as typed, shown again, kept after the end, handed on to a re-run."""

import time

import pytest

from runsdash.actions.models import Draft, Lineage, SentOutput
from runsdash.dashboard.inbox.tool_outputs import accepted
from runsdash.dashboard.inbox.tool_outputs_form import ToolOutputsForm
from runsdash.index.models import Run
from runsdash.sync.refresh import refresh_run
from tests.connected import wait_for
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import parsed
from tests.people import HTMX, signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TWO_TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("first", "second")
]


def box_of(row, number: int = 0) -> str:
    return f"output-{row.pending_calls[number]['id']}"


def draft_path(row) -> str:
    return path_of(row, "tool-outputs") + "draft/"


def run_path(row) -> str:
    return path_of(row, "tool-outputs").removesuffix("tool-outputs/")


@pytest.mark.parametrize("kind", ["empty", "reset_after"])
def test_outputs_that_arrived_after_all_are_no_drafts(kind, operator, upstream, waiting):
    """By a stream without an event, or found by reading later."""
    upstream.fault("/submit_tool_outputs$", kind, after_events=0)
    call_id = waiting.pending_calls[0]["id"]
    path = path_of(waiting, "tool-outputs")
    response = operator.post(path, {f"output-{call_id}": "seven", "stream": "true", "token": "t"})
    assert response.status_code == (302 if kind == "empty" else 502)
    wait_for(upstream, {"thread_id": waiting.thread.upstream_id, "id": waiting.upstream_id}, "completed")
    Run.objects.update(checked_at=None)
    operator.get(run_path(waiting))
    page = parsed(operator.get(run_path(waiting)))
    assert page.one(id="run-unsent").all("section") == []
    assert Draft.objects.count() == 0
    (sent,) = SentOutput.objects.all()
    assert (sent.text, sent.call_id, sent.function_name, sent.sent_by) == ("seven", call_id, "get_stock", "operator")
    assert len(writes(upstream)) == 1


def test_what_is_typed_is_shown_again_also_after_signing_out(operator, upstream, waiting):
    answer = htmx(operator, draft_path(waiting), {box_of(waiting): '{"half":'})
    assert answer.status_code == 200
    note = parsed(answer).one("hx-partial", hx_target="#draft-note")
    assert note.text.startswith("Draft saved ")
    assert note.one("time")
    operator.logout()

    again = signed_in("operator")
    form = form_in(again.get(run_path(waiting)), "tool-outputs")
    assert fields(form)[box_of(waiting)] == '{"half":'
    assert form.one(id="draft-note").text.startswith("Draft saved ")
    assert writes(upstream) == []


def test_a_draft_is_one_persons(operator, admin, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): "mine"})
    assert fields(form_in(admin.get(run_path(waiting)), "tool-outputs"))[box_of(waiting)] == ""


def test_a_draft_can_become_a_template(operator, admin, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): '{"left": 7}'})
    form = form_in(operator.get(run_path(waiting)), "tool-outputs")
    (address,) = [one["href"] for one in form.all("a") if one.text == "Save as template"]
    assert fields(form_in(operator.get(address), "template-form"))["text"] == '{"left": 7}'
    assert fields(form_in(admin.get(address), "template-form"))["text"] == ""


def test_an_emptied_box_is_no_draft(operator, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): "x"})
    htmx(operator, draft_path(waiting), {box_of(waiting): ""})
    assert not Draft.objects.exists()


def test_the_same_text_is_not_written_again(operator, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): "x"})
    before = Draft.objects.get().saved_at
    htmx(operator, draft_path(waiting), {box_of(waiting): "x"})
    assert Draft.objects.get().saved_at == before


def test_sending_lets_go_of_the_draft_and_a_late_save_brings_none_back(operator, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): "7"})
    operator.post(path_of(waiting, "tool-outputs"), {box_of(waiting): "7", "token": "a"})
    assert not Draft.objects.exists()
    htmx(operator, draft_path(waiting), {box_of(waiting): "7"})
    assert not Draft.objects.exists()


@pytest.mark.parametrize("fault", ["500", "reset_after"])
def test_what_could_not_be_sent_is_a_draft(operator, upstream, waiting, fault):
    upstream.fault("POST /submit_tool_outputs", fault)
    response = operator.post(path_of(waiting, "tool-outputs"), {box_of(waiting): "typed", "token": "a"})
    assert response.status_code in {502, 504}
    assert Draft.objects.get().text == "typed"


def test_after_expiry_the_page_keeps_what_was_typed(operator, upstream, waiting, connection):
    htmx(operator, draft_path(waiting), {box_of(waiting): '{"left": 7}'})
    upstream.shift(waiting.upstream_id, expires_at=int(time.time()) - 1)
    wait_for(upstream, {"thread_id": waiting.thread.upstream_id, "id": waiting.upstream_id}, "expired")
    refresh_run(connection, thread_id=waiting.thread.upstream_id, run_id=waiting.upstream_id, max_age_s=0)

    page = parsed(operator.get(run_path(waiting)))
    panel = page.one(id="run-unsent")
    assert "Expired, outputs were not sent" in panel.one("h2").text
    assert "outputs were not sent" in panel.one("h2").text
    assert panel.one("textarea").text == '{"left": 7}'
    assert panel.all("button", data_copy='{"left": 7}')
    assert [one for one in panel.all("a") if one["href"].endswith("/rerun/")]

    operator.post(draft_path(waiting), {"discard": "1"})
    panel = parsed(operator.get(run_path(waiting))).one(id="run-unsent")
    assert (panel.text, panel.all()) == ("", [])
    assert not Draft.objects.exists()


def test_answered_by_somebody_else_says_by_whom_and_keeps_the_draft(operator, admin, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): "mine"})
    admin.post(path_of(waiting, "tool-outputs"), {box_of(waiting): "theirs", "token": "b"})
    panel = parsed(operator.get(run_path(waiting))).one(id="run-unsent")
    assert "admin answered these calls at" in panel.text
    assert panel.one("textarea").text == "mine"
    assert not parsed(admin.get(run_path(waiting))).one(id="run-unsent").all("section")


def test_a_re_run_is_filled_in_with_what_was_never_sent(operator, upstream, start, connection, waiting):
    htmx(operator, draft_path(waiting), {box_of(waiting): '{"left": 7}'})
    again = start("/tool get_stock", until="requires_action")
    row = refresh_run(connection, thread_id=again["thread_id"], run_id=again["id"])
    Lineage.objects.create(run=row, source=waiting, is_on_copy=True, made_by="operator")
    form = form_in(operator.get(run_path(row)), "tool-outputs")
    assert fields(form)[box_of(row)] == '{"left": 7}'
    assert "never sent" in form.one(class_="output").text


def test_not_allowed(viewer, client, waiting, settings, operator):
    assert htmx(viewer, draft_path(waiting), {box_of(waiting): "x"}).status_code == 403
    assert client.post(draft_path(waiting)).status_code == 302
    assert operator.get(draft_path(waiting)).status_code == 405
    settings.RUNSDASH_READ_ONLY = True
    assert htmx(operator, draft_path(waiting), {box_of(waiting): "x"}).status_code == 403
    assert not Draft.objects.exists()


def test_unknown_run(operator, waiting):
    path = f"/threads/{waiting.thread.upstream_id}/runs/run_nowhere/tool-outputs/draft/"
    assert operator.post(path, {}).status_code == 404


# After an answer


def test_the_answer_leads_to_the_next_run_that_waits(operator, upstream, start, connection, waiting):
    other = start("/tool get_stock", until="requires_action")
    row = refresh_run(connection, thread_id=other["thread_id"], run_id=other["id"])
    posted = fields(form_in(operator.get(path_of(waiting, "tool-outputs")), "tool-outputs")) | {box_of(waiting): "7"}
    answer = parsed(htmx(operator, path_of(waiting, "tool-outputs"), posted))
    wanted = f"{run_path(row)}?answer=1"
    assert answer.one("a", id="next-waiting")["href"] == wanted
    assert answer.one("hx-partial", hx_target="#toasts").one("a")["href"] == wanted


def test_a_server_that_takes_only_a_part_gets_the_form_with_what_is_left(operator, rf, waiting):
    request = rf.post(path_of(waiting, "tool-outputs"), headers=HTMX)
    request.user, request.htmx = operator.user, True
    form = ToolOutputsForm.for_run(waiting).fill({box_of(waiting): "typed"})
    answer = parsed(accepted(request, form, waiting))
    assert "the run still waits for all that was sent" in answer.one("hx-partial", hx_target="#toasts").text
    assert fields(answer.one("form", id="tool-outputs"))[box_of(waiting)] == "typed"
    assert not SentOutput.objects.exists()


def test_the_last_one_says_that_no_other_waits(operator, waiting):
    answer = parsed(htmx(operator, path_of(waiting, "tool-outputs"), {box_of(waiting): "7", "token": "a"}))
    assert not answer.all("a", id="next-waiting")
    assert "No other run needs an answer" in answer.one(id="tool-outputs").text


def test_the_last_five_outputs_of_the_function_are_offered(operator, start, connection):
    for number in range(7):
        run = start("/tool get_stock", until="requires_action")
        row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
        operator.post(path_of(row, "tool-outputs"), {box_of(row): f'{{"n": {number}}}'})
    assert SentOutput.objects.count() == 5
    run = start("/tool get_stock", until="requires_action")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    menu = form_in(operator.get(run_path(row)), "tool-outputs").one(data_earlier_menu=True)
    assert [one["data-fill"] for one in menu.all("button")] == [f'{{"n": {number}}}' for number in (6, 5, 4, 3, 2)]


def test_templates_are_offered_by_name(operator, waiting):
    path = "/functions/get_stock/templates/"
    assert operator.post(path, {"name": "None left", "text": '{"left": 0}'}).status_code == 302
    menu = form_in(operator.get(run_path(waiting)), "tool-outputs").one(data_earlier_menu=True)
    (button,) = menu.all("button")
    assert (button.text, button["data-fill"]) == ("None left", '{"left": 0}')
    page = parsed(operator.get("/functions/get_stock/"))
    remove = next(one for one in page.all("form", method="post") if one["action"].endswith("/remove/"))
    assert operator.post(remove["action"]).status_code == 302
    assert not form_in(operator.get(run_path(waiting)), "tool-outputs").one(data_earlier_menu=True).all("button")


@pytest.mark.parametrize(("name", "text"), [("", "x"), ("n" * 81, "x"), ("n", ""), ("n", "x" * 20_000)])
def test_a_template_that_cannot_be_kept_is_refused_with_what_was_typed(operator, name, text):
    response = operator.post("/functions/get_stock/templates/", {"name": name, "text": text})
    assert response.status_code == 422
    form = form_in(response, "template-form")
    assert form.one(role="alert").text
    assert form.one("input", name="name")["value"] == name
