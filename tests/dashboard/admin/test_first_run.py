"""The first run: every page leads to adding a connection, one is tried before it is saved, and nothing typed is lost."""

import pytest
from django.test import Client

from runsdash.index.models import Connection, Thread
from runsdash.index.storage.sealed_keys import seal, unseal
from tests.pages import Element, page_of
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "/connections/new/"
IDS = "thread_000000000000000000000001\nthread_000000000000000000000002"


def typed(upstream: Sandbox, **changed: str) -> dict[str, str]:
    return {
        "slug": "prod-eu", "name": "", "kind": "sandbox", "base_url": upstream.base_url, "api_version": "",
        "api_key": upstream.api_key, "timeout_s": "5", "budget_per_min": "300", "is_enabled": "on", **changed,
    }  # fmt: skip


def findings(page: Element) -> dict[str, str]:
    trial = page.one("div", id="trial")
    return {one.one("span").text: one["data-tone"] for one in trial.one("ul", class_="tries").all("li")}


@pytest.mark.parametrize("path", ["/", "/needs-action/", "/runs/", "/threads/", "/audit/", "/search/?q=x", "/nowhere/"])
def test_every_page_leads_to_adding_one_or_names_who_can(viewer: Client, admin: Client, path: str) -> None:
    status = 404 if path == "/nowhere/" else 200
    way = page_of(admin.get(path), status=status).one(id="no-connection")
    assert [link["href"] for link in way.all("a", class_="primary")] == [NEW]
    other = page_of(viewer.get(path), status=status).one(id="no-connection")
    assert not other.all("a", class_="primary")
    assert "An administrator can add one: admin." in other.text


def test_a_page_without_a_connection_never_says_that_no_run_needs_an_answer(viewer: Client) -> None:
    assert "No run needs an answer" not in page_of(viewer.get("/needs-action/")).text


def test_it_is_tried_and_says_what_works(admin: Client, upstream: Sandbox) -> None:
    page = page_of(admin.post(NEW, typed(upstream, do="try")))
    found = findings(page)
    assert found["The address answers"] == found["The key is accepted"] == found["Assistants can be read"] == "good"
    assert "Threads can be listed" in found
    assert page.one("input", name="slug")["value"] == "prod-eu"
    assert not Connection.objects.exists()


def test_the_key_need_not_be_typed_again_and_is_not_shown(admin: Client, upstream: Sandbox) -> None:
    answer = admin.post(NEW, typed(upstream, do="try"))
    kept = page_of(answer).one("input", name="kept_key")["value"]
    assert upstream.api_key not in answer.content.decode()
    assert admin.post(NEW, typed(upstream, do="save", api_key="", kept_key=kept)).status_code == 302
    assert unseal(Connection.objects.get().sealed_key) == upstream.api_key


def test_a_sealed_key_of_somebody_else_opens_nothing(admin: Client, upstream: Sandbox) -> None:
    for kept in (seal(upstream.api_key), seal(f"typed:{admin.user.pk + 1}:{upstream.api_key}")):
        page = page_of(admin.post(NEW, typed(upstream, do="try", api_key="", kept_key=kept)))
        assert findings(page)["The key is refused"] == "bad"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": "wrong"}, "The key is refused"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "The address does not answer"),
    ],
)
def test_what_does_not_work_is_saved_only_on_purpose(
    admin: Client, upstream: Sandbox, changed: dict, words: str
) -> None:
    page = page_of(admin.post(NEW, typed(upstream, do="save", **changed)), status=422)
    assert findings(page)[words] == "bad"
    assert not Connection.objects.exists()
    assert page.one("button", value="anyway")
    assert admin.post(NEW, typed(upstream, do="anyway", **changed)).status_code == 302
    assert Connection.objects.count() == 1


def test_what_works_is_saved_and_said(admin: Client, upstream: Sandbox) -> None:
    page = page_of(admin.post(NEW, typed(upstream, do="save"), follow=True))
    assert "Connection prod-eu added. The address answers" in page.one("div", id="toasts").text
    assert Connection.objects.get().last_success_at


def test_ids_typed_before_there_is_a_connection_are_kept(admin: Client, upstream: Sandbox) -> None:
    page = page_of(admin.post("/threads/add/", {"ids": IDS}), status=422)
    assert page.one("textarea", name="ids").text.split() == IDS.split()
    admin.post(NEW, typed(upstream, do="save"))
    kept = page_of(admin.get("/threads/")).one("textarea", name="ids").text
    assert kept.split() == IDS.split()
    assert admin.post("/threads/add/", {"ids": kept}).status_code == 303
    assert Thread.objects.count() == 2
    assert not page_of(admin.get("/threads/")).one("textarea", name="ids").text.strip()
