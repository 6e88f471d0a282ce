"""What a row says and offers: question, outcome, customer, only this and not this, its menu."""

import time

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.dashboard.runs import cells
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Connection, Run, Thread, ThreadMetadata
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.dashboard.run.test_tool_types import call_of, step_of
from tests.pages import Element, page_of, run_ids
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db
URL = "/runs/"


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection(customer_key="customer")


def row_of(client: Client, run: Run, **query: str) -> Element:
    return page_of(client.get(URL, query)).one("tr", data_run_id=run.upstream_id)


def name_customer(run: Run, name: str) -> None:
    ThreadMetadata.objects.create(thread=run.thread, key="customer", value=name)


def test_a_row_begins_with_what_was_asked(viewer: Client, prod: Connection) -> None:
    asked, silent = made_run(prod), made_run(prod)
    Run.objects.filter(pk=asked.pk).update(question="Where is <NW-20481>?", reply="At the depot.")
    link = row_of(viewer, asked).one("th").one("a")
    assert (link.text, link["title"]) == ("Where is <NW-20481>?", "Where is <NW-20481>?")
    assert row_of(viewer, asked).one("td", class_="c-out").text == "At the depot."
    assert row_of(viewer, silent).one("th").one("a").text.startswith("Run run_0000…")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": "failed"}, "It broke."),
        ({"status": "failed", "last_error": {"code": "server_error", "message": ""}}, "server_error"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_completion_tokens"}}, "Stopped at the limit of completion tokens"),
        ({"status": "cancelled"}, "Cancelled"),
        ({"status": "cancelling"}, "Being cancelled"),
        ({"status": "in_progress"}, "—"),
        ({"status": "completed"}, "—"),
        ({"status": "expired"}, "—"),
        (
            {"status": "requires_action", "required_action": waiting_for("a", "b", "c", "d", "e"), "expires_at": None},
            "Waits for a, b, c and 2 more",
        ),
    ],
)  # fmt: skip
def test_the_outcome_says_why_there_is_no_reply(viewer: Client, prod: Connection, given: dict, said: str) -> None:
    cell = row_of(viewer, made_run(prod, **given)).one("td", class_="c-out")
    assert cell.one("span", class_="out").text == said


def test_an_expired_run_names_what_was_never_answered(viewer: Client, prod: Connection) -> None:
    run = made_run(prod, status="requires_action", required_action=waiting_for("pay_claim"))
    Run.objects.filter(pk=run.pk).update(status="expired")
    cell = row_of(viewer, run).one("td", class_="c-out")
    assert cell.one("span", class_="out").text == "pay_claim was never answered"


def test_an_expired_run_that_nobody_saw_wait_names_what_its_steps_left_open(viewer: Client, prod: Connection) -> None:
    run = made_run(prod, status="expired", age_s=3600)
    ended = int(run.created_at.timestamp()) + 601
    step = step_of(run, call_of("function", asks="{}"), status="expired", completed_at=None, expired_at=ended)
    upsert_steps(run, [objects.RunStep.from_raw(step)], fetched_at=timezone.now())
    row = row_of(viewer, run)
    assert row.one("td", class_="c-out").text == "own_function was never answered"
    assert row.one("td", class_="c-took").text == "10 m 00 s"


def test_customers_have_a_column_where_somebody_named_their_key(viewer: Client, prod: Connection) -> None:
    one, other = made_run(prod), made_run(made_connection("other"))
    name_customer(one, "C-14")
    name_customer(other, "C-15")  # of a connection without such a key
    assert row_of(viewer, one).one("td", class_="c-who").one("span", class_="only").all("a")
    assert "C-14" in row_of(viewer, one).text
    assert "C-15" not in row_of(viewer, other).text
    Connection.objects.update(customer_key="")
    assert not page_of(viewer.get(URL)).all("td", class_="c-who")


def test_only_this_and_not_this_are_links_to_the_list(viewer: Client, prod: Connection) -> None:
    failed, done, other = made_run(prod, status="failed"), made_run(prod), made_run(prod, assistant_id="asst_9")
    name_customer(failed, "C 1")
    found: dict[str, list[set[str]]] = {}
    for cell in row_of(viewer, failed).all("td"):
        for links in cell.all("span", class_="only"):
            pages = [page_of(viewer.get(URL + link["href"])) for link in links.all("a")]
            found[min(cell.classes & {"c-state", "c-out", "c-who", "c-asst"})] = [set(run_ids(page)) for page in pages]
    mine, theirs = {failed.upstream_id}, {done.upstream_id, other.upstream_id}
    assert found == {
        "c-state": [mine, theirs],
        "c-out": [mine, theirs],
        "c-who": [mine, theirs],
        "c-asst": [mine | {done.upstream_id}, {other.upstream_id}],
    }


def test_a_run_and_its_thread_have_cells_in_common(viewer: Client, prod: Connection) -> None:
    run = made_run(prod, status="failed")
    name_customer(run, "C-14")
    Thread.objects.filter(pk=run.thread_id).update(metadata={"customer": "C-14"})
    of_run, of_thread = row_of(viewer, run), page_of(viewer.get("/threads/")).one("tr", id=f"thread-{run.thread_id}")
    for place in ("c-state", "c-who", "c-asst"):
        one, other = (row.one("td", class_=place) for row in (of_run, of_thread))
        assert (one.text, len(one.all("a"))) == (other.text, len(other.all("a")))
        assert one.text != "—"


def test_links_of_a_cell_keep_the_rest_of_the_filter(viewer: Client, prod: Connection) -> None:
    run = made_run(prod, status="failed", model="m1")
    row = row_of(viewer, run, q="status:failed status:expired -status:queued model:m1", sort="-cost")
    this, others = (link["href"] for link in row.one("td", class_="c-state").one("span", class_="only").all("a"))
    assert this == "?q=model%3Am1+status%3Afailed&sort=-cost"
    assert others == "?q=-status%3Aqueued+model%3Am1+-status%3Afailed&sort=-cost"


def test_the_menu_of_a_row_has_the_same_for_keys_and_touch(viewer: Client, prod: Connection) -> None:
    run = made_run(prod, status="failed", model="m1", metadata={"env": "<prod>"})
    name_customer(run, "C-14")
    address = row_of(viewer, run, q="model:m1").one("a", data_row_menu=True)["href"]
    for headers in ({}, {"HX-Request": "true"}):
        page = page_of(viewer.get(address, headers=headers))
        entries = page.one("ul", class_="pick2").all("li")
        assert [entry.one("span", class_="muted").text for entry in entries] == [
            "Status", "Customer", "Assistant", "Model", "Error", "Thread", "env"
        ]  # fmt: skip
        for entry in entries:
            only, but = entry.all("a")
            assert run_ids(page_of(viewer.get(only["href"]))) == [run.upstream_id]
            assert run_ids(page_of(viewer.get(but["href"]))) == []
    assert bool(page.all("html")) is False
    assert page_of(viewer.get("/runs/rows/1/"), status=404)


def test_the_menu_of_a_row_offers_a_rerun_of_what_ended(operator: Client, viewer: Client, prod: Connection) -> None:
    def leads_to(client: Client, run: Run) -> list[str]:
        page = page_of(client.get(row_of(viewer, run).one("a", data_row_menu=True)["href"]))
        return [link["href"] for link in page.all("a") if link["href"].endswith("/rerun/")]

    ended = made_run(prod, status="failed")
    assert leads_to(operator, ended) == [run_url(ended, "rerun")]
    assert leads_to(viewer, ended) == leads_to(operator, made_run(prod, status="in_progress")) == []


def test_rows_are_kept_while_nothing_changes_and_made_again_when_something_does(
    viewer: Client, prod: Connection
) -> None:
    run = made_run(prod, age_s=90_000)
    first = row_of(viewer, run).text
    kept = len(cells._kept)
    assert row_of(viewer, run).text == first
    assert len(cells._kept) == kept
    Run.objects.filter(pk=run.pk).update(total_tokens=777)
    assert "777" in row_of(viewer, run).text
    Thread.objects.filter(pk=run.thread_id).update(is_gone=True)
    assert row_of(viewer, run)


def test_clocks_run_in_rows_that_are_kept(viewer: Client, prod: Connection) -> None:
    now = int(time.time())
    goes = made_run(prod, age_s=90_000, status="in_progress", started_at=now - 30, expires_at=None)
    waits = made_run(prod, age_s=90_000, status="requires_action", expires_at=now + 300)

    def clocks() -> tuple[str, str, str]:
        took = row_of(viewer, goes).all("time", data_elapsed=True)[-1]
        left = row_of(viewer, waits).all("span", class_="countdown")[0]
        return took.text, left["data-now"], left["data-label"]

    took, server_clock, label = clocks()
    kept = len(cells._kept)
    time.sleep(1.1)
    later = clocks()
    assert later[0] != took
    assert later[1] > server_clock
    assert later[2] == label
    assert len(cells._kept) == kept


@pytest.mark.parametrize("count", [1, 50])
def test_a_page_of_rows_is_one_statement(viewer: Client, prod: Connection, count: int) -> None:
    made_runs(prod, count)
    viewer.get(URL)
    with at_most(7) as asked:
        page = page_of(viewer.get(URL))
    assert len(run_ids(page)) == count
    assert len([sql for sql in asked if "FROM" in sql and "index_threadmetadata m" in sql]) == 1
