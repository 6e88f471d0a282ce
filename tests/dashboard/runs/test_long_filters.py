"""A filter of up to 20,000 characters: typed, kept under a short key, and every link of its page means what it says."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from runsdash.accounts.models import User
from runsdash.actions.batch.models import BatchJob
from runsdash.dashboard.runs.query import run_list_address
from runsdash.index.models import Connection, KeptFilter, Run, SavedView
from runsdash.index.search import ids_of
from tests.dashboard.writing import fields, form_in
from tests.pages import Element, page_of, parsed
from tests.people import HTMX
from tests.rows import kept_for_the_module, made_connection, made_runs

pytestmark = pytest.mark.django_db
URL = "/runs/"
LINE_CHARS = 4000  # of an address; proxies take 8 KB, with what they add


@pytest.fixture(scope="module")
def prod(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Connection]:
    with kept_for_the_module(django_db_blocker):
        prod = made_connection()
        made_connection("other")
        for status in ("completed", "failed", "expired", "in_progress"):
            made_runs(prod, 8, status=status, metadata={"env": "prod", "team": status})
        yield prod


@pytest.fixture
def ids(prod: Connection, db: None) -> str:
    """Six hundred ids, of which half a list are there."""
    there = [run.upstream_id for run in Run.objects.order_by("pk")][::2]
    return " ".join(f"run:{one}" for one in [*there, *(f"run_none{number:020}" for number in range(580))])


def typed(client: Client, text: str, **more: str) -> str:
    """The address that the form leads to."""
    form = fields(page_of(client.get(URL)).one("form", aria_label="Filter runs"))
    answer = client.post(URL, form | {"q": text} | more)
    assert answer.status_code == 302, answer.content
    return answer["Location"]


def links(page: Element, path: str) -> Iterator[tuple[str, str]]:
    """Addresses of a page that carry a filter, with what they are of."""
    for one in page.all():
        for name in ("href", "hx-get", "action"):
            url = one.get(name, "")
            url = path + url if url.startswith("?") else url
            if url.startswith((URL, "/bulk/")):
                yield f"{one.tag} {one.text[:30]} {one.get('title', '')[:40]}", url


def filter_of(url: str):
    asked = run_list_address(QueryDict(urlsplit(url).query))
    assert not asked.error, url
    return asked


def found(url: str) -> set[int]:
    asked = filter_of(url)
    connection = Connection.objects.get(slug=asked.connection_slug) if asked.connection_slug else None
    return set(ids_of(asked.filter, connection=connection, count=1000)[0])


def test_a_short_filter_stands_in_the_address(viewer: Client, prod) -> None:
    assert typed(viewer, "status:failed -model:x", sort="-cost") == "/runs/?q=status%3Afailed+-model%3Ax&sort=-cost"
    assert not KeptFilter.objects.exists()


def test_every_link_of_a_long_one_is_short_and_means_what_it_says(operator: Client, ids) -> None:
    User.objects.update(list_columns=["metadata", "assistant"])
    address = typed(operator, ids, sort="-cost", limit="25")
    assert len(address) < 100
    assert typed(operator, ids, sort="-cost", limit="25") == address
    assert KeptFilter.objects.count() == 1
    everything = found(address)
    assert len(everything) == 16
    page = page_of(operator.get(address + "&facets=1"))
    assert page.one("input", aria_label="Filter")["value"] == ids
    every = dict(links(page, URL))
    assert len(every) > 40
    assert [url for url in every.values() if len(url) > LINE_CHARS] == []
    for url in every.values():
        filter_of(url)
    for pair in page.one(id="facet-status").all("div", data_value=True):
        own = found(URL + pair.all("a")[0]["href"])
        assert own == {pk for pk in everything if Run.objects.get(pk=pk).status == pair["data-value"]}
    tag = page.all("a", class_="tag")[0]
    key, _, value = tag["title"].partition("=")
    assert found(URL + tag["href"]) == {pk for pk in everything if Run.objects.get(pk=pk).metadata[key] == value}
    (act,) = [url for name, url in every.items() if "Act on all" in name]
    assert found(act) == everything
    poll = operator.get(page.one("div", id="poll")["hx-get"], headers=HTMX)
    assert poll.status_code == 200
    totals = page_of(operator.get(f"/runs/totals/?{urlsplit(address).query}", headers=HTMX))
    assert totals.one(id="list-total")["data-total"] == "16"


def test_clauses_are_added_to_what_is_kept_and_taken_away_from_it(viewer: Client, ids) -> None:
    def include(page: Element, status: str) -> str:
        return page.one(id="facet-status").one("div", data_value=status).all("a")[0]["href"]

    address = typed(viewer, f"{ids} status:failed -status:expired metadata.env=prod")
    page = page_of(viewer.get(f"{address}&facets=1"))
    failed = found(URL + include(page, "completed"))
    assert {Run.objects.get(pk=pk).status for pk in failed} == {"failed", "completed"}
    address = URL + include(page, "failed")
    assert "but=status%3Afailed" in address
    page = page_of(viewer.get(f"{address}&facets=1"))
    assert "status:failed" not in page.one("input", aria_label="Filter")["value"]
    again = include(page, "failed")
    assert "but" not in dict(parse_qsl(again))
    clauses = filter_of(URL + again).filter.clauses
    assert len(clauses) == len(set(clauses)) == 599
    cleared = page.one("nav", id="q-hint").all("a")[0]
    assert cleared.text.startswith("598 clauses")
    assert cleared["href"] == "?"


def test_a_view_and_a_batch_of_a_long_filter(operator: Client, ids) -> None:
    page = page_of(operator.get(typed(operator, ids, connection="prod")))
    (save,) = [one["href"] for one in page.one("nav", class_="views").all("a") if "Save" in one.text]
    form = fields(page_of(operator.get(save)).one("form", id="new-view")) | {"name": "mine"}
    assert form["query"] == f"{ids} connection:prod"
    KeptFilter.objects.all().delete()
    address = operator.post("/runs/views/", form)["Location"]
    assert len(address) < 100
    assert len(found(address)) == 16
    page = page_of(operator.get(address))
    assert page.one("nav", class_="views").one("a", aria_current="page").text == "mine"
    assert SavedView.objects.get().query == form["query"]
    act = fields(form_in(operator.get(f"/bulk/new/?{urlsplit(address).query}"), "bulk-form"))
    assert all(len(value) < 200 for value in act.values())
    refused = parsed(operator.post("/bulk/new/", act | {"operation": "tag", "key": ""}))
    assert found(next(one["href"] for one in refused.all("a") if one.text == "Back")) == found(address)
    job = operator.post("/bulk/new/", act | {"operation": "export"})["Location"]
    assert BatchJob.objects.get().query == form["query"]
    assert BatchJob.objects.get().total == 16
    assert len(page_of(operator.get(job)).one("main").text) < 5000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ".join(f"run:run_{number:024}" for number in range(700)), "at most 20,000 characters"),
        (" ".join(f"run:{number}" for number in range(1001)), "at most 1,000 clauses"),
        (" ".join(f"w{number}" for number in range(201)), "200 conditions"),
        ("status:failed " * 500 + "colour:red", "is not known"),
    ],
)
def test_what_is_too_much_is_refused_and_stays_in_the_field(viewer: Client, prod, text: str, said: str) -> None:
    page = page_of(viewer.post(URL, {"q": text, "sort": "-cost"}), status=400)
    assert page.one("input", aria_label="Filter")["value"] == text
    assert said in page.one("p", role="alert").text
    assert not [url for _, url in links(page, URL) if len(url) > LINE_CHARS]
    assert not KeptFilter.objects.exists()


def test_words_of_a_long_filter_make_no_long_links(viewer: Client, prod) -> None:
    words = [f"word{number:015}" for number in range(150)]
    page = page_of(viewer.get(typed(viewer, " ".join(words))))
    assert re.search("No runs match", page.text)
    asked = filter_of(typed(viewer, " ".join(words)))
    assert asked.words.split() == words[:20]


def test_a_key_that_is_not_known_here_says_so(viewer: Client, prod) -> None:
    for path in (URL, "/bulk/new/", "/runs/facets/", "/runs/live/"):
        answer = viewer.get(path, {"kept": "x" * 20, "q": "status:failed"})
        assert answer.status_code < 500, path
    page = page_of(viewer.get(URL, {"kept": "x" * 20, "q": "status:failed"}), status=400)
    assert "not known here" in page.one("p", role="alert").text


def test_suggestions_of_a_long_filter_come_by_post(viewer: Client, ids) -> None:
    page = page_of(viewer.get(URL))
    field = page.one("input", aria_label="Filter")
    assert field["hx-post"] == reverse("runs_suggest")
    offered = page_of(viewer.post(field["hx-post"], {"q": f"{ids} status:f"}, headers=HTMX))
    assert offered.all("button")[0]["data-text"] == f"{ids} status:failed "
