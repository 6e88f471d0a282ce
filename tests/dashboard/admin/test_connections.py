"""Connections: the list, adding, changing, testing and removing them."""

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection, ThreadMetadata
from runsdash.index.storage.sealed_keys import seal, unseal
from runsdash.sync.clients import extra_headers
from tests.pages import page_of, partials_of
from tests.rows import made_connection, made_run
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db
URL = "/connections/"
KEY = "sk-very-secret-key"
TYPED = {
    "slug": "foundry-eu", "name": "", "kind": "openai", "base_url": "https://up.example/v1/", "api_version": "",
    "api_key": KEY, "timeout_s": "20", "budget_per_min": "300", "is_enabled": "on",
}  # fmt: skip


def everything_recorded() -> str:
    return repr(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]"])
def test_no_upstream_is_put_at_a_link_local_address(admin: Client, settings, host: str) -> None:
    """Not by a new connection, not by a change, unless it is allowed."""
    made_connection()
    typed = TYPED | {"base_url": f"http://{host}/v1"}
    for url in (f"{URL}new/", f"{URL}prod/"):
        page = page_of(admin.post(url, typed), status=422)
        assert "RUNSDASH_API_ALLOW_LINK_LOCAL" in page.one(id="id_base_url-err").text
        assert page.one("input", name="base_url")["value"] == typed["base_url"]
    settings.RUNSDASH_API_ALLOW_LINK_LOCAL = True
    assert admin.post(f"{URL}new/", typed).status_code == 302


# The list


def test_each_connection_has_its_health(viewer: Client) -> None:
    now = timezone.now()
    made_connection("fine", last_success_at=now)
    made_connection("off", is_enabled=False)
    made_connection("new")
    made_connection("bad", last_failure_at=now, last_failure={"status": 401, "message": "<b>no</b>", "request_id": ""})
    page = page_of(viewer.get(URL))
    health = {
        row["data-connection"]: row.one("span", class_="status").text for row in page.all("tr", data_connection=True)
    }
    assert health == {"fine": "Healthy", "off": "Off", "new": "Not asked yet", "bad": "Failing"}
    assert "401 <b>no</b>" in page.one("tr", data_connection="bad").text


def test_viewers_look_and_change_nothing(viewer: Client, operator: Client) -> None:
    made_connection(sealed_key=seal(KEY))
    for client in (viewer, operator):
        answer = client.get(URL)
        assert KEY not in answer.content.decode()
        panel = page_of(answer).one("div", id="connections")
        assert not panel.all("a")
        assert not panel.all("form")
        for url in (f"{URL}new/", f"{URL}prod/"):
            assert client.get(url).status_code == 403
        for url in (f"{URL}new/", f"{URL}prod/", f"{URL}prod/test/", f"{URL}prod/remove/"):
            assert client.post(url, TYPED).status_code == 403
    assert Connection.objects.count() == 1


def test_a_key_of_another_secret_is_reported(admin: Client, settings) -> None:
    made_connection(sealed_key=seal(KEY))
    settings.SECRET_KEY = "another" * 8
    client = Client()
    client.force_login(admin.user)
    assert "cannot be read" in page_of(client.get(URL)).one("tr", data_connection="prod").text
    assert "SECRET_KEY" in page_of(client.get(f"{URL}prod/")).one("div", class_="banner").text


def test_none_yet(viewer: Client) -> None:
    assert "RUNSDASH_API_BASE_URL" in page_of(viewer.get(URL)).one("div", class_="empty").text


# Adding


def test_adding_is_kept_sealed_and_recorded(admin: Client) -> None:
    assert admin.post(f"{URL}new/", TYPED)["Location"] == URL
    added = Connection.objects.get()
    assert (added.slug, added.name, added.kind, added.timeout_s) == ("foundry-eu", "foundry-eu", "openai", 20)
    assert KEY not in added.sealed_key
    assert unseal(added.sealed_key) == KEY
    intent, outcome = AuditEntry.objects.order_by("pk")
    assert (intent.action, outcome.result, outcome.connection_slug) == ("add_connection", "done", "foundry-eu")
    assert outcome.after["base_url"] == "https://up.example/v1/"
    assert outcome.after["key"] == "set"
    assert KEY not in everything_recorded()


def test_one_without_a_server_is_not_asked_and_not_tried(admin: Client) -> None:
    answer = admin.post(f"{URL}new/", TYPED | {"base_url": "", "api_key": "", "do": "save"}, follow=True)
    assert "/ingest/foundry-eu/" in page_of(answer).text
    added = Connection.objects.get()
    assert (added.is_enabled, added.has_upstream, added.is_asked) == (False, False, False)
    assert "No server" in page_of(admin.get(URL)).one("tr", data_connection="foundry-eu").text


def test_what_a_server_wants_besides_is_kept_sent_and_hidden(admin: Client, upstream: Sandbox) -> None:
    more = {
        "base_url": upstream.base_url, "api_key": upstream.api_key, "auth": "api-key", "organization": "org-1",
        "project": "proj_1", "extra_query": "tenant=eu\nx=1", "extra_headers": "X-Plain: seen\nastra-api-token: tell-nobody",
        "sunset_on": "2099-03-31", "do": "save",
    }  # fmt: skip
    assert admin.post(f"{URL}new/", TYPED | more).status_code == 302
    sent = upstream.requests(path="/assistants")[0]
    assert (sent["query"].endswith("tenant=eu&x=1"), sent["has_api_key_header"]) == (True, True)
    assert {"openai-organization", "openai-project", "x-plain", "astra-api-token"} <= set(sent["headers"])
    answer = admin.get(f"{URL}foundry-eu/")
    assert "tell-nobody" not in answer.content.decode() + everything_recorded() + repr(Connection.objects.values())
    shown = page_of(answer).one("textarea", name="extra_headers").text
    assert "X-Plain: seen" in shown
    kept = {"extra_headers": "X-Plain: other\nastra-api-token: ••••", "api_key": ""}
    assert admin.post(f"{URL}foundry-eu/", TYPED | more | kept).status_code == 302
    assert extra_headers(Connection.objects.get()) == {"X-Plain": "other", "astra-api-token": "tell-nobody"}
    moved = kept | {"base_url": "https://elsewhere.example/v1"}
    assert page_of(admin.post(f"{URL}foundry-eu/", TYPED | more | moved), status=422).one(id="id_extra_headers-err")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"slug": ""}, "slug"), ({"slug": "Not A Slug"}, "slug"), ({"slug": "default"}, "slug"),
        ({"slug": "taken"}, "slug"), ({"base_url": "ftp://x"}, "base_url"), ({"extra_query": "no value"}, "extra_query"),
        ({"base_url": "https://u:p@x/v1"}, "base_url"), ({"api_key": "zwölf\u200b"}, "api_key"),
        ({"kind": "soap"}, "kind"), ({"timeout_s": "0"}, "timeout_s"), ({"budget_per_min": "many"}, "budget_per_min"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_kept_and_explained(admin: Client, changed: dict, field: str) -> None:
    made_connection("taken")
    answer = admin.post(f"{URL}new/", TYPED | changed)
    page = page_of(answer, status=422)
    assert page.one("p", id=f"id_{field}-err").text
    assert page.one(id=f"id_{field}", aria_invalid="true")
    typed = TYPED | changed
    assert page.one("input", name="api_version")["value"] == typed["api_version"]
    assert page.one("input", name="slug")["value"] == typed["slug"]
    assert KEY not in answer.content.decode()
    assert Connection.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_read_only_refuses_on_the_record(admin: Client, settings) -> None:
    settings.RUNSDASH_READ_ONLY = True
    assert admin.post(f"{URL}new/", TYPED).status_code == 403
    assert not Connection.objects.exists()
    assert AuditEntry.objects.get().kind == "refusal"


# Changing


def change(client: Client, **changed: str):
    typed = {name: value for name, value in TYPED.items() if name not in ("slug", "api_key")}
    return client.post(f"{URL}prod/", typed | {"base_url": "http://127.0.0.1:9/v1"} | changed)


def test_an_empty_key_keeps_the_key_there_is(admin: Client) -> None:
    made_connection(sealed_key=seal(KEY))
    page = page_of(admin.get(f"{URL}prod/"))
    assert page.one("input", name="api_key")["value"] == ""
    assert change(admin, budget_per_min="77").status_code == 302
    changed = Connection.objects.get()
    assert (changed.budget_per_min, unseal(changed.sealed_key)) == (77, KEY)
    outcome = AuditEntry.objects.get(kind="outcome")
    assert (outcome.before["budget_per_min"], outcome.after["budget_per_min"]) == (600, 77)


def test_a_key_can_be_replaced_and_removed(admin: Client) -> None:
    made_connection(sealed_key=seal(KEY))
    change(admin, api_key="sk-another")
    assert unseal(Connection.objects.get().sealed_key) == "sk-another"
    assert AuditEntry.objects.filter(kind="outcome").last().after["key"] == "replaced"
    change(admin, remove_key="on")
    assert Connection.objects.get().sealed_key == ""
    assert KEY not in everything_recorded()
    assert "sk-another" not in everything_recorded()


def test_a_kept_key_never_goes_to_another_server(admin: Client) -> None:
    made_connection(sealed_key=seal(KEY))
    page = page_of(change(admin, base_url="https://elsewhere.example/v1"), status=422)
    assert "different server" in page.one("p", id="id_api_key-err").text
    assert Connection.objects.get().base_url == "http://127.0.0.1:9/v1"
    assert change(admin, base_url="https://elsewhere.example/v1", api_key="sk-theirs").status_code == 302


def test_the_one_of_the_environment_is_shown_and_stays(admin: Client, settings) -> None:
    settings.RUNSDASH_API_BASE_URL, settings.RUNSDASH_API_KEY = "http://127.0.0.1:9/v1", KEY
    page = page_of(admin.get(f"{URL}default/"))
    assert "http://127.0.0.1:9/v1" in page.one("section", id="from-environment").text
    assert not page.all("form", id="connection-form")
    assert admin.post(f"{URL}default/", TYPED).status_code == 403
    assert admin.post(f"{URL}default/remove/", {"confirm": "default"}).status_code == 403
    assert Connection.objects.get().sealed_key == ""


def test_an_unknown_connection(admin: Client) -> None:
    assert admin.get(f"{URL}nowhere/").status_code == 404
    assert admin.post(f"{URL}nowhere/test/").status_code == 404


# Testing


def test_the_test_asks_the_upstream(admin: Client, connection: Connection, upstream: Sandbox) -> None:
    answer = admin.post(f"{URL}sandbox/test/")
    assert answer["Location"] == URL
    assert "sandbox answered in" in page_of(admin.get(URL)).one("div", id="toasts").text
    assert {"/v1/assistants", "/v1/threads"} <= {one["path"] for one in upstream.requests()}
    assert upstream.requests(method="POST") == []
    connection.refresh_from_db()
    assert connection.last_success_at


def test_each_read_is_tried_and_says_what_came_of_it(
    admin: Client, connection: Connection, upstream: Sandbox, start
) -> None:
    start("hello", until="completed")
    connection.capabilities = {"modify_run": {"works": False, "at": timezone.now().isoformat(), "status": 405}}
    connection.save()
    upstream.quirk(no_steps=True)
    text = page_of(admin.post(f"{URL}sandbox/test/", follow=True)).one("div", id="toasts").text
    assert "It does not list run steps." in text
    page = page_of(admin.get(f"{URL}sandbox/"))
    states = {one["data-offer"]: one.all("td")[0].text for one in page.all("tr", data_offer=True)}
    assert states["read a run"] == states["list runs of a thread"] == states["list threads"] == "works"
    assert (states["list run steps"], states["change a run's metadata"]) == ("refused", "not tried")
    assert "501 Run steps are not implemented" in page.one("tr", data_offer="list run steps").text


def test_a_server_that_knows_nothing_any_more_is_called_retired(
    admin: Client, operator: Client, connection: Connection, upstream: Sandbox, start
) -> None:
    run = start("hello", until="completed")
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/"
    assert operator.get(path).status_code == 200
    upstream.fault("", "404", times=None)
    assert "its provider is gone" in page_of(admin.post(f"{URL}sandbox/test/", follow=True)).one(id="toasts").text
    connection.refresh_from_db()
    assert (connection.is_retired, connection.is_asked) == (True, False)
    assert page_of(admin.get(URL)).one("tr", data_connection="sandbox").one("span", class_="status").text == "Retired"
    upstream.clear_faults()
    upstream.clear_requests()
    assert operator.get(path).status_code == 200
    assert operator.post(f"{path}cancel/", {"reason": ""}).status_code == 403
    assert upstream.requests() == []
    admin.post(f"{URL}sandbox/test/")
    connection.refresh_from_db()
    assert connection.is_asked


def test_the_test_by_htmx_brings_the_row(admin: Client, connection: Connection) -> None:
    partials = partials_of(admin.post(f"{URL}sandbox/test/", headers={"HX-Request": "true"}))
    assert partials[f"#connection-{connection.pk}"].one("span", class_="status").text == "Healthy"
    assert "answered" in partials["#toasts"].text


@pytest.mark.parametrize(("kind", "status"), [("500", 502), ("hang", 504)])
def test_a_failing_upstream_is_said_and_remembered(
    admin: Client, connection: Connection, upstream: Sandbox, kind: str, status: int
) -> None:
    connection.timeout_s = 1
    connection.save()
    upstream.fault("/assistants", kind)
    url = f"{URL}sandbox/test/"
    partials = partials_of(admin.post(url, headers={"HX-Request": "true"}), status=status)
    assert partials["#problem"].text
    connection.refresh_from_db()
    assert connection.last_failure["status"] == (500 if kind == "500" else None)


def test_a_wrong_key_is_said(admin: Client, connection: Connection) -> None:
    connection.sealed_key = seal("wrong")
    connection.save()
    page = page_of(admin.post(f"{URL}sandbox/test/"), status=502)
    assert "refused the key" in page.one("h1").text


def test_testing_is_a_post(admin: Client, connection: Connection) -> None:
    assert admin.get(f"{URL}sandbox/test/").status_code == 405
    assert admin.get(f"{URL}sandbox/remove/").status_code == 405


# Removing


def test_removing_needs_the_name(admin: Client) -> None:
    made_connection()
    page = page_of(admin.post(f"{URL}prod/remove/", {"confirm": "prd"}), status=422)
    assert page.one("input", name="confirm")["value"] == "prd"
    assert admin.post(f"{URL}prod/remove/", {"confirm": "prod"})["Location"] == URL
    assert not Connection.objects.exists()
    assert AuditEntry.objects.filter(action="remove_connection", kind="outcome", result="done").exists()


def test_removing_refuses_while_it_has_an_archive(admin: Client) -> None:
    made_run(made_connection())
    page = page_of(admin.post(f"{URL}prod/remove/", {"confirm": "prod"}), status=422)
    assert "Turn it off" in page.one("section", id="remove-connection").text
    assert not page_of(admin.get(f"{URL}prod/")).one("section", id="remove-connection").all("form")
    assert Connection.objects.exists()


def test_who_may(client: Client) -> None:
    assert client.get(URL).status_code == 302
    assert client.post(f"{URL}new/", TYPED).status_code == 302


def test_the_edit_page_tests_it_and_does_not_push_its_removal(admin, connection):
    page = page_of(admin.get(f"/connections/{connection.slug}/"))
    assert page.one("label", for_="id_name").text == "Name"
    test = page.one("form", action=f"/connections/{connection.slug}/test/")
    assert test["hx-post"] == test["action"]
    buttons = [one for one in page.one("main").all("button", class_="btn") if one.get("type") == "submit"]
    remove = next(one for one in buttons if one.text.startswith("Remove"))
    assert "solid" not in remove.classes
    assert len(remove.text) < max(len(one.text) for one in buttons if "primary" in one.classes)


# Customers


def test_an_administrator_names_customers_of_any_connection(admin: Client, viewer: Client) -> None:
    prod = made_connection(is_from_environment=True)
    url = f"{URL}prod/customer/"
    ThreadMetadata.objects.create(thread=made_run(prod).thread, key="customer", value="C-14")
    offered = [one["value"] for one in page_of(admin.get(url)).all("option")]
    assert offered == ["customer"]
    assert admin.post(url, {"customer_key": "customer"})["Location"] == f"{URL}prod/"
    assert Connection.objects.get().customer_key == "customer"
    assert "customer" in page_of(admin.get(f"{URL}prod/")).one("main").text
    entry = AuditEntry.objects.filter(action="name_customer_key").last()
    assert (entry.before, entry.after) == ({"customer_key": ""}, {"customer_key": "customer"})
    row = page_of(viewer.get("/runs/")).one("tr", data_run_id=True)
    assert "C-14" in row.text
    assert viewer.post(url, {"customer_key": "x"}).status_code == 403
    assert admin.put(url).status_code == 405
    assert page_of(admin.get(f"{URL}none/customer/"), status=404)


def test_a_key_that_is_too_long_is_refused_and_kept(admin: Client) -> None:
    made_connection()
    page = page_of(admin.post(f"{URL}prod/customer/", {"customer_key": "k" * 65}), status=422)
    assert page.one("input", name="customer_key")["value"] == "k" * 65
    assert "64 characters" in page.one(id="customer_key-err").text
