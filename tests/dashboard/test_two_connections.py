"""Two servers with the same ids and other content: lists, figures, views, rules and exports keep to one of them."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Connection, Label, Run, RunMetadata, SavedView, ThreadMetadata
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.conditions import look_at
from runsdash.notify.events import find_events
from runsdash.notify.models import Delivery, Rule
from tests.dashboard.two_connections import (
    LISTS,
    MARKS,
    OBJECTS,
    RUN,
    RUN_PATH,
    WAITING,
    narrowed,
    text_of,
)
from tests.pages import parsed
from tests.rows import made_run, roll_all_up

pytestmark = pytest.mark.django_db
SILENT = {  # may name neither
    "/bulk/new/", "/runs/facets/", "/threads/facets/", "/runs/totals/", f"{RUN_PATH}copy-as/", f"/compare/?a={RUN}",
    "/?group=connection", "/?group=connection&format=csv",
}  # fmt: skip


@pytest.mark.parametrize("path", [*LISTS, *OBJECTS])
def test_an_address_with_a_connection_shows_that_one_alone(servers, operator: Client, path: str) -> None:
    for slug, word in MARKS.items():
        (other,) = set(MARKS.values()) - {word}
        answer = operator.get(narrowed(path, slug))
        text = text_of(answer)
        assert answer.status_code == 200, text[:300]
        assert other not in text, path
        assert path in SILENT or word in text, path


@pytest.mark.parametrize(
    "path",
    [
        "/runs/",
        "/runs/export.csv",
        "/runs/export.jsonl",
        "/",
        "/?group=model",
        "/threads/",
        "/threads/export.csv",
        "/threads/export.jsonl",
    ],
)
def test_a_filter_by_connection_does_the_same(servers, viewer: Client, path: str) -> None:
    text = text_of(viewer.get(f"{path}{'&' if '?' in path else '?'}q=connection:two"))
    assert MARKS["two"] in text
    assert MARKS["one"] not in text.replace(f"connection:{MARKS['one']}", "")


@pytest.mark.parametrize("path", OBJECTS)
def test_an_address_without_one_asks_which(servers, operator: Client, path: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 300
    links = {link["href"] for link in parsed(answer).one("main").all("a")}
    assert {one.rpartition("connection=")[2] for one in links if "connection=" in one} >= set(MARKS)


def test_the_overview_groups_by_connection(servers, viewer: Client) -> None:
    made_run(servers[1])
    roll_all_up()
    lines = list(csv.DictReader(io.StringIO(text_of(viewer.get("/?group=connection&format=csv")))))
    assert {line["name"]: line["runs"] for line in lines} == {"one": "2", "two": "3"}
    rows = parsed(viewer.get("/?group=connection")).one(id="groups").one("tbody").all("tr")
    links = {row.one("th").text: row.one("a", data_figure="group")["href"] for row in rows}
    assert set(links) == {"one", "two"}
    assert len(parsed(viewer.get(links["two"])).all("tr", data_run_id=True)) == 3


def test_links_of_lists_lead_to_their_own(servers, viewer: Client) -> None:
    page = parsed(viewer.get("/runs/"))
    links = {link["href"] for link in page.one("main").all("a") if link["href"].startswith(RUN_PATH)}
    assert {narrowed(RUN_PATH, slug) for slug in MARKS} <= links


def test_a_saved_view_and_a_rule_keep_to_their_connection(servers, operator: Client) -> None:
    cache.clear()
    view = SavedView.objects.create(owner=operator.user, name="of two", query="connection:two", sort="-created_at")
    page = parsed(operator.get("/runs/views/"))
    (link,) = {one["href"] for one in page.all("a") if "connection%3Atwo" in one["href"] and "/runs/?" in one["href"]}
    listed = parsed(operator.get(link)).all("tr", data_run_id=True)
    assert sorted(row["data-run-id"] for row in listed) == [RUN, WAITING]
    rule = Rule.objects.create(
        name="Flood", event="run_count", threshold=0, view=view, period_s=900, check_at=timezone.now(),
        emails="ops@example.org", created_by="operator", sealed_secret=seal("s"),
    )  # fmt: skip
    look_at(rule)
    rule.refresh_from_db()
    assert rule.counted == 2


def test_a_rule_of_single_runs_tells_of_its_connection_alone(servers, operator: Client) -> None:
    given = {"name": "Waiting", "event": "needs_action", "emails": "ops@example.org", "is_enabled": "on"}
    assert operator.post("/notifications/new/", given | {"connection": servers[1].pk}).status_code == 302
    Rule.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    find_events()
    assert [one.body["connection"] for one in Delivery.objects.all()] == ["two"]
    assert parsed(operator.get("/notifications/")).one("span", class_="sub").text == "two"


# Suggestions and names


OFFERED = ("model:", "assistant:", "tool:", "label:", "customer:", "metadata.who=", "metadata.", "thread.metadata.")


@pytest.fixture
def described(servers) -> None:
    """Labels, pairs and customers of both."""
    for run in Run.objects.filter(upstream_id=RUN):
        word = MARKS[run.connection.slug]
        Label.objects.create(thread=run.thread, run=run, name=word, given_by="otto")
        Label.objects.create(thread=run.thread, name=word, given_by="otto")
        RunMetadata.objects.create(run=run, key=f"of_{word}", value=word)
        ThreadMetadata.objects.create(thread=run.thread, key=f"of_{word}", value=word)
    Connection.objects.update(customer_key="who")


@pytest.mark.parametrize("page", ["runs", "threads"])
@pytest.mark.parametrize("typed", [*OFFERED, "connection:"])
def test_suggestions_offer_what_the_connection_has(described, operator: Client, page: str, typed: str) -> None:
    found = {slug: suggested(operator, page, typed, connection=slug) for slug in ("", *MARKS)}
    both = {slug for slug in MARKS if any(one in text for text in found[""] for one in (MARKS[slug], f":{slug}"))}
    assert both == set(MARKS)
    for slug, other in (("one", "two"), ("two", "one")):
        assert found[slug]
        assert not [text for text in found[slug] if MARKS[other] in text or f":{other}" in text]


@pytest.mark.parametrize("page", ["runs", "threads"])
@pytest.mark.parametrize("typed", OFFERED)
def test_suggestions_offer_what_the_connection_in_the_filter_has(
    described, operator: Client, page: str, typed: str
) -> None:
    words = {}
    for asked in ("connection:two", "-connection:one", "connection:one connection:two"):
        texts = suggested(operator, page, f"{asked} {typed}", connection="")
        words[asked] = {word for word in MARKS.values() if any(word in text for text in texts)}
    assert words["connection:two"] == {MARKS["two"]}
    assert words["-connection:one"] == words["connection:one connection:two"] == set(MARKS.values())
    more = suggested(operator, page, "connection:two connection:", connection="")
    assert {text.split()[-1] for text in more} == {"connection:one", "connection:two"}


def suggested(client: Client, page: str, typed: str, *, connection: str) -> list[str]:
    answer = client.post(f"/{page}/suggest/", {"q": typed, "connection": connection})
    return [one["data-text"] for one in parsed(answer).all(data_text=True)]


def test_the_name_of_an_assistant_means_that_of_its_own_connection(servers, viewer: Client) -> None:
    """Both servers call another assistant by the same id."""
    asked = quote('assistant:"betaword desk"')
    for page, rows in (("runs", "data_run_id"), ("threads", "data_thread_id")):
        for slug, count in (("one", 0), ("two", 2 if page == "runs" else 1), ("", 2 if page == "runs" else 1)):
            listed = parsed(viewer.get(f"/{page}/?q={asked}&connection={slug}")).all("tr", **{rows: True})
            assert len(listed) == count, (page, slug)
    for slug, counted in (("one", {}), ("two", {"two": "2"}), ("", {"two": "2"})):
        text = text_of(viewer.get(f"/?group=connection&format=csv&q={asked}&connection={slug}"))
        lines = csv.DictReader(io.StringIO(text))
        assert {line["name"]: line["runs"] for line in lines if line["runs"] != "0"} == counted, slug


# Links and commands


def test_links_beside_lists_lead_to_their_own(servers, operator: Client) -> None:
    for slug in MARKS:
        page = parsed(operator.get(f"/audit/?connection={slug}")).one("tbody")
        assert narrowed(RUN_PATH, slug) in {link["href"] for link in page.all("a")}
        sent = parsed(operator.get(f"/functions/find_it/?connection={slug}")).one(class_="mono", href=True)
        assert operator.get(sent["href"])["Location"] == narrowed(RUN_PATH, slug)
        heads = {
            link.text: link.get("href") for link in parsed(operator.get(narrowed(RUN_PATH, slug))).one("main").all("a")
        }
        offered = parsed(operator.get(heads["Compare"])).one("tbody").all("a", class_="btn")
        compared = text_of(operator.get(offered[0]["href"]))
        assert {word for word in MARKS.values() if word in compared} == {MARKS[slug]}


def test_the_same_id_of_two_connections_can_be_compared(servers, operator: Client) -> None:
    keys = Run.objects.filter(upstream_id=RUN).values_list("pk", flat=True)
    answer = operator.get("/compare/", {"run": list(keys)}, follow=True)
    assert all(word in text_of(answer) for word in MARKS.values())
    swapped = parsed(answer).one("main").all("a", class_="btn")[0]["href"]
    assert all(word in text_of(operator.get(swapped)) for word in MARKS.values())


def test_an_export_by_command_keeps_to_the_connection(servers, tmp_path: Path) -> None:
    for form in ("jsonl", "csv"):
        call_command("export_runs", filter="connection:two", format=form, output=tmp_path / form)
        text = (tmp_path / form).read_text()
        assert MARKS["two"] in text
        assert MARKS["one"] not in text
