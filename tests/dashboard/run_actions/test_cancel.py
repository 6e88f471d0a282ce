"""Cancelling a run through its form."""

import pytest
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Run, StatusSeen
from runsdash.sync.refresh import refresh_run
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import parsed
from tests.people import HTMX

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_works_plain(operator, upstream, waiting):
    path = path_of(waiting, "cancel")
    form = form_in(operator.get(path), "cancel-form")
    assert form["action"] == path

    response = operator.post(path, fields(form) | {"reason": "gone home"})

    assert (response.status_code, response["Location"]) == (302, path.removesuffix("cancel/"))
    assert [one["path"] for one in writes(upstream)] == [f"/v1{path[:-1]}"]
    assert AuditEntry.objects.get(kind="outcome").reason == "gone home"
    assert Run.objects.get().status in {"cancelling", "cancelled"}


def test_it_works_with_htmx(operator, upstream, waiting):
    path = path_of(waiting, "cancel")
    dialog = parsed(operator.get(path, headers=HTMX)).one("dialog", data_modal=True)

    response = htmx(operator, path, fields(dialog.one("form")))

    assert response.status_code == 200
    assert "run-changed" in response["HX-Trigger"]
    targets = {one["hx-target"] for one in parsed(response).all("hx-partial")}
    assert targets == {"#run-dialog", "#toasts"}
    assert len(writes(upstream)) == 1


def test_wrong_method(operator, waiting):
    assert operator.put(path_of(waiting, "cancel")).status_code == 405


def test_unknown_run(operator, waiting, upstream):
    response = operator.post(f"/threads/{waiting.thread.upstream_id}/runs/run_nowhere/cancel/")
    assert response.status_code == 404
    assert writes(upstream) == []


@pytest.mark.parametrize("kind", ["plain", "htmx"])
def test_not_allowed(viewer, client, waiting, upstream, kind):
    path = path_of(waiting, "cancel")
    headers = HTMX if kind == "htmx" else {}
    assert viewer.post(path, headers=headers).status_code == 403
    anonymous = client.post(path, headers=headers)
    assert anonymous.status_code == (401 if kind == "htmx" else 302)
    assert "/accounts/login/" in anonymous["HX-Redirect" if kind == "htmx" else "Location"]
    assert writes(upstream) == []


@pytest.mark.parametrize("kind", ["plain", "htmx"])
def test_refused_keeps_what_was_typed(operator, upstream, done_run, kind):
    path = path_of(done_run, "cancel")
    posted = {"reason": "typed in a hurry", "token": "t"}
    response = htmx(operator, path, posted) if kind == "htmx" else operator.post(path, posted)

    assert response.status_code == 422
    form = form_in(response, "cancel-form")
    assert fields(form)["reason"] == "typed in a hurry"
    assert fields(form)["token"] != "t"
    assert form.one(role="alert").text == "Cannot cancel run with status 'completed'."


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [("500", 502, "being checked"), ("reset_after", 504, "being checked"), ("html", 502, "being checked")],
)
def test_upstream_down(operator, upstream, waiting, kind, status, words):
    upstream.fault("POST /cancel", kind)
    response = operator.post(path_of(waiting, "cancel"), {"reason": "kept", "token": "x"})
    assert response.status_code == status
    form = form_in(response, "cancel-form")
    assert fields(form)["reason"] == "kept"
    assert words in form.one(role="alert").text


def test_a_second_post_shows_the_first_result_and_sends_nothing(operator, upstream, waiting):
    path = path_of(waiting, "cancel")
    posted = fields(form_in(operator.get(path), "cancel-form"))
    operator.post(path, posted)
    upstream.clear_requests()

    again = operator.post(path, posted, follow=True)

    assert writes(upstream) == []
    assert "Its result: done" in parsed(again).one(id="toasts").text


@pytest.mark.parametrize(("words", "status"), [("/tool get_stock", "requires_action"), ("hello", "completed")])
def test_a_server_that_takes_it_and_changes_nothing_is_told(words, status, operator, connection, upstream, start):
    made = start(words, until=status)
    run = refresh_run(connection, thread_id=made["thread_id"], run_id=made["id"])
    upstream.quirk(writes_ignored=True)
    response = operator.post(path_of(run, "cancel"), {"token": "t"}, follow=True)
    label = Run.objects.get().facts.label.lower()
    said = parsed(response).one(id="toasts").text
    assert f"The server took the request and changed nothing: the run is {label}." in said
    assert "Cancelling" not in said
    assert AuditEntry.objects.get(kind="outcome").result == "unchanged"


def test_without_csrf_token_nothing_is_sent(operator, upstream, waiting):
    operator.handler.enforce_csrf_checks = True
    assert operator.post(path_of(waiting, "cancel")).status_code == 403
    assert writes(upstream) == []


def test_cancelled_too_late_is_said(viewer, upstream, waiting):
    """Seen cancelling, then completed: the cancel lost the race."""
    StatusSeen.objects.create(run=waiting, status="cancelling", seen_at=timezone.now())
    Run.objects.filter(pk=waiting.pk).update(status="completed", has_all_steps=True, checked_at=timezone.now())
    page = parsed(viewer.get(path_of(waiting, "cancel").removesuffix("cancel/")))
    assert "Cancelled too late" in page.one(id="run-ending").text
