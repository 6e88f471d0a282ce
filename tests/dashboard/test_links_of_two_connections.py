"""Two servers with the same ids: links, exports and pages of batches lead to the server that they are about."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from runsdash.actions.batch.models import BatchJob
from runsdash.actions.batch.working import work_some
from runsdash.actions.models import Lineage
from runsdash.index.models import Assistant, ChildRun, Connection, Run, RunStep, Thread
from tests.dashboard.two_connections import (
    LISTS,
    MARKS,
    OBJECTS,
    RUN,
    RUN_PATH,
    STEP,
    THREAD,
    WAITING,
    narrowed,
    text_of,
)
from tests.dashboard.writing import fields, form_in
from tests.pages import Element, parsed, run_ids

pytestmark = pytest.mark.django_db
NO_PAGE = re.compile(r"csv|jsonl|json|zip|/files/|/text/")
PAGES = [path for path in [*LISTS, *OBJECTS] if not NO_PAGE.search(path)]
ATTRIBUTES = ("href", "src", "action", "hx-get", "hx-post", "data-claim")
OF_AN_ID = re.compile(r"/(threads|messages|files|assistants|compare)/.*(_same|-same|_waits|_child)")


@pytest.fixture
def related(servers: list[Connection]) -> None:
    """The run that waits is a re-run of the other one, which has started a run that nobody has read."""
    for connection in servers:
        run = Run.objects.get(connection=connection, upstream_id=RUN)
        again = Run.objects.get(connection=connection, upstream_id=WAITING)
        Lineage.objects.create(run=again, source=run, is_on_copy=False, made_by="otto")
        step = RunStep.objects.get(run=run)
        ids = {"upstream_id": "run_child", "thread_upstream_id": "thread_child"}
        ChildRun.objects.create(connection=connection, parent=run, step_key=step.pk, **ids)


def links_in(page: Element) -> Iterator[str]:
    main = page.all("main")[0] if page.all("main") else page
    for one in main.descendants():
        for name in ATTRIBUTES:
            if OF_AN_ID.match(one.get(name) or ""):
                yield one[name].partition("#")[0]


@pytest.mark.parametrize("path", PAGES)
def test_links_to_what_both_have_lead_to_their_own(related, operator: Client, path: str) -> None:
    for slug in MARKS:
        found = list(links_in(parsed(operator.get(narrowed(path, slug)))))
        of_queue = {link for link in found if "answer=1" in link}  # what comes next may be of another server
        lost = {link for link in found if f"connection={slug}" not in link} - of_queue
        assert not lost
        assert all("connection=" in link for link in of_queue)


def test_the_walk_meets_every_kind_of_link(related, operator: Client) -> None:
    pages = [RUN_PATH, f"{RUN_PATH}?step={STEP}", f"/threads/{THREAD}/", f"/threads/{THREAD}/runs/{WAITING}/"]
    links = [link for path in pages for link in links_in(parsed(operator.get(narrowed(path, "two"))))]
    found = {link.partition("?")[0] for link in links}
    assert found >= {
        RUN_PATH, f"/threads/{THREAD}/", f"/threads/{THREAD}/runs/{WAITING}/", "/assistants/asst_same/", "/compare/",
        "/messages/msg_same/raw.json", "/messages/msg_same/text/", "/threads/thread_child/runs/run_child/",
        f"{RUN_PATH}metadata/", f"{RUN_PATH}copy-as/", f"/threads/{THREAD}/runs/{WAITING}/tool-outputs/claim/",
    }  # fmt: skip


@pytest.mark.parametrize("page", ["runs", "threads"])
def test_rows_lead_to_their_own_assistant_of_the_same_name(servers, viewer: Client, page: str) -> None:
    Assistant.objects.update(name="The desk")
    rows = parsed(viewer.get(f"/{page}/")).one("main").one("tbody").all("tr")
    found = {link["href"] for row in rows for link in row.all("a") if link["href"].startswith("/assistants/")}
    assert found == {narrowed("/assistants/asst_same/", slug) for slug in MARKS}


def test_a_thread_that_both_have_is_found_from_a_run_that_one_has(servers, viewer: Client) -> None:
    Run.objects.filter(connection=servers[0]).delete()
    Thread.objects.filter(upstream_id=THREAD, connection=servers[1]).get()
    page = parsed(viewer.get(RUN_PATH)).one("main")
    assert narrowed(f"/threads/{THREAD}/", "two") in {link["href"] for link in page.all("a", href=True)}


@pytest.mark.parametrize("chosen", ["beside", "in the filter", "by hand"])
def test_a_batch_has_runs_of_its_connection_alone(
    servers, operator: Client, settings, tmp_path: Path, chosen: str
) -> None:
    settings.FILES_DIR = settings.STATE_DIR = tmp_path
    keys = list(Run.objects.filter(connection=servers[1]).values_list("pk", flat=True))
    asked = {"beside": {"connection": "two"}, "in the filter": {"q": "connection:two"}, "by hand": {"run": keys}}[
        chosen
    ]
    form = fields(form_in(operator.get("/bulk/new/", asked), "bulk-form"))
    answer = operator.post("/bulk/new/", form | {"operation": "export", "run": asked.get("run", [])})
    work_some()
    text = text_of(operator.get(f"{answer['Location']}download/"))
    assert MARKS["two"] in text
    assert MARKS["one"] not in text
    page = parsed(operator.get(answer["Location"]))
    assert sorted(run_ids(page)) == [RUN, WAITING]
    assert {link["href"] for link in page.one(id="bulk-items").one("tbody").all("a")} == {
        narrowed(RUN_PATH, "two"), narrowed(f"/threads/{THREAD}/runs/{WAITING}/", "two")
    }  # fmt: skip
    assert BatchJob.objects.get().query == ("" if chosen == "by hand" else "connection:two")
    said = parsed(operator.get("/bulk/")).one("tbody").one(class_="mono").text
    assert said == ("selected by hand" if chosen == "by hand" else "connection:two")
