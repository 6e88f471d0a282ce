"""The one box: what words find, and what is suggested while somebody types."""

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.models import Assistant, SavedView
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.service import objects
from tests.pages import Element, page_of
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db
URL, SUGGEST = "/search/", "/search/suggest/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def prod(db: None):
    return made_connection()


@pytest.fixture
def asked(prod):
    """A run of the assistant Bot whose thread begins with a question."""
    run = made_run(prod, id="run_asked", thread_id="thread_asked", assistant_id="asst_bot", age_s=30)
    created = int(run.created_at.timestamp()) - 1
    text = {"type": "text", "text": {"value": "Where is parcel NW-20481?", "annotations": []}}
    message = {"id": "msg_1", "role": "user", "created_at": created, "content": [text]}
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=timezone.now())
    Assistant.objects.create(connection=prod, upstream_id="asst_bot", name="Parcel Bot", fetched_at=timezone.now())
    return run


def addresses(element: Element) -> list[str]:
    return [link["href"] for link in element.all("a")]


RUN_PAGE = "/threads/thread_asked/runs/run_asked/"


def test_words_find_runs_by_what_was_asked(viewer: Client, asked) -> None:
    made_run(asked.connection)
    page = page_of(viewer.get(URL, {"q": "parcel NW-20481"}))
    group = page.one("section", aria_labelledby="found-runs")
    [item] = group.all("li")
    assert item.one("a")["href"] == RUN_PAGE
    assert item.one("a").text == "Where is parcel NW-20481?"
    assert item.one("span", data_status="completed")
    assert "/runs/?q=parcel+NW-20481" in [link["href"] for link in group.all("a", class_="end")]


def test_a_customer_leads_to_the_thread(viewer: Client, asked) -> None:
    """The number is metadata of the thread; it is in no text."""
    thread = {"id": "thread_asked", "object": "thread", "metadata": {"customer": "C-14"}}
    upsert_threads(asked.connection, [objects.Thread.from_raw(thread)], fetched_at=timezone.now())
    made_run(asked.connection)
    for url, name in ((URL, "section"), (SUGGEST, "div")):
        page = page_of(viewer.get(url, {"q": "C-14"}, headers=HTMX if url == SUGGEST else {}))
        group = page.one(name, aria_labelledby="found-threads")
        links = [link for link in group.all("a") if "Where is parcel NW-20481?" in link.text]
        assert [link["href"] for link in links] == ["/threads/thread_asked/"]
        assert "customer=C-14, 1 run" in group.text
        assert "/threads/?q=C-14" in [link["href"] for link in group.all("a")]


def test_a_filter_works_as_one(viewer: Client, asked) -> None:
    made_run(asked.connection, id="run_bad", thread_id="thread_bad", status="failed")
    page = page_of(viewer.get(URL, {"q": "status:failed"}))
    [item] = page.one("section", aria_labelledby="found-runs").all("li")
    assert item.one("a")["href"] == "/threads/thread_bad/runs/run_bad/"
    assert "It broke." in item.one("p").text


@pytest.mark.parametrize("text", ['"open', "http://x.y/z:parcel", "a=b", "-- :", "metadata.=", "%", "\\"])
def test_what_is_no_filter_is_looked_for_as_words(viewer: Client, asked, text: str) -> None:
    assert page_of(viewer.get(URL, {"q": text})).one("input", id="search-q")["value"] == text
    assert viewer.get(SUGGEST, {"q": text}, headers=HTMX).status_code == 200


def test_names_find_assistants_views_and_pages(viewer: Client, asked) -> None:
    other = User.objects.create(username="ada")
    SavedView.objects.create(owner=other, name="Lost parcels", query="status:failed", is_shared=True)
    SavedView.objects.create(owner=other, name="My parcels", query="status:failed")
    page = page_of(viewer.get(URL, {"q": "parcel"}))
    assert addresses(page.one("section", aria_labelledby="found-assistants")) == ["/assistants/asst_bot/"]
    assert addresses(page.one("section", aria_labelledby="found-views")) == ["/runs/?q=status%3Afailed"]
    assert addresses(page_of(viewer.get(URL, {"q": "inb"})).one("section", aria_labelledby="found-places")) == [
        "/needs-action/"
    ]


def test_the_rest_stands_beside_the_runs(viewer: Client, asked) -> None:
    def columns(text: str) -> list[list[str]]:
        page = page_of(viewer.get(URL, {"q": text})).one("div", class_="grid")
        return [[one["aria-labelledby"] for one in side.all("section")] for side in page.all("div", class_="stack")]

    assert columns("parcel") == [["found-runs"], ["found-threads", "found-assistants"]]
    assert columns("inb") == [["found-places"]]


def test_pages_are_those_that_a_person_may_open(viewer: Client, admin: Client, prod, settings) -> None:
    def places(client: Client) -> list[str]:
        return addresses(page_of(client.get(URL)).one("section", aria_labelledby="found-places"))

    assert not {"/users/", "/runs/new/"} & set(places(viewer))
    assert {"/users/", "/runs/new/", "/connections/new/", "/profile/"} <= set(places(admin))
    for address in [*places(admin), "/search/?q=x", "/runs/?q=x:", "/threads/?q=x:", "/nowhere/"]:
        answer = admin.get(address)
        assert answer.status_code in (200, 302, 400, 404), address
        assert answer.status_code == 302 or len(page_of(answer, status=answer.status_code).all("h1")) == 1, address
    settings.RUNSDASH_READ_ONLY = True
    assert "/runs/new/" not in places(admin)


def test_a_chosen_connection_narrows_and_a_miss_offers_all(viewer: Client, asked) -> None:
    made_connection("other")
    page = page_of(viewer.get(URL, {"q": "parcel", "connection": "other"}))
    assert not page.all("section", aria_labelledby="found-runs")
    assert "/search/?q=parcel" in addresses(page.one("section", id="found-none-panel"))
    assert page.one("form", id="search-form").one("input", name="connection")["value"] == "other"
    assert viewer.get(URL, {"q": "parcel", "connection": "none"}).status_code == 404


# Suggestions


def test_suggestions_are_options_of_a_list(viewer: Client, asked) -> None:
    page = page_of(viewer.get(SUGGEST, {"q": "parcel"}, headers=HTMX))
    options = page.one("div", role="listbox", id="palette-list").all("a", role="option")
    assert {RUN_PAGE, "/assistants/asst_bot/"} <= {one["href"] for one in options}
    assert all(one["aria-selected"] == "false" and one["id"] for one in options)
    for group in page.all("div", role="group"):
        assert page.one("div", id=group["aria-labelledby"]).text


def test_an_id_or_its_beginning_is_suggested(viewer: Client, asked) -> None:
    whole = page_of(viewer.get(SUGGEST, {"q": "see run_asked please"}, headers=HTMX))
    assert addresses(whole) == [RUN_PAGE]
    begun = page_of(viewer.get(SUGGEST, {"q": "run_as"}, headers=HTMX))
    assert RUN_PAGE in addresses(begun)


def test_nothing_typed_lists_pages(viewer: Client, prod) -> None:
    assert "/needs-action/" in addresses(page_of(viewer.get(SUGGEST, headers=HTMX)))


@pytest.mark.parametrize("count", [1, 30])
def test_queries_do_not_grow(viewer: Client, prod, count: int) -> None:
    made_runs(prod, count, metadata={"env": "prod"}, instructions="Find the parcel.")
    for number in range(count):
        Assistant.objects.create(
            connection=prod, upstream_id=f"asst_{number}", name="parcel", fetched_at=timezone.now()
        )
    for url in (URL, SUGGEST):
        with at_most(22):
            assert len(addresses(page_of(viewer.get(url, {"q": "parcel"})))) >= min(count, 4)


def test_who_may_search(client: Client, viewer: Client) -> None:
    for url in (URL, SUGGEST):
        assert client.get(url, {"q": "x"}).status_code == 302
        assert viewer.post(url).status_code == 405


def test_every_page_has_the_box(viewer: Client, prod) -> None:
    page = page_of(viewer.get("/runs/"))
    assert page.one("form", class_="topsearch")["action"] == URL
    box = page.one("dialog", id="palette").one("input", role="combobox")
    assert (box["aria-controls"], box["aria-expanded"], box["name"]) == ("palette-list", "false", "q")
