"""The list of threads, and adding some by their ids."""

import pytest
from django.test import Client

from runsdash.audit.models import AuditEntry
from runsdash.index.models import PurgedThread, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from tests.pages import Element, page_of
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db
URL, ADD = "/threads/", "/threads/add/"
THREAD = "thread_abcdefghijklmnopqrstuvwx"


@pytest.fixture
def prod(db: None):
    return made_connection()


def ids(page: Element) -> list[str]:
    return [row["data-thread-id"] for row in page.all("tr", data_thread_id=True)]


def test_threads_are_listed_by_their_last_run(viewer: Client, prod) -> None:
    runs = made_runs(prod, 3)
    ensure_threads(prod, [THREAD])
    page = page_of(viewer.get(URL))
    assert ids(page) == [run.thread.upstream_id for run in runs]
    row = page.one("tr", data_thread_id=runs[0].thread.upstream_id)
    assert row.one("a")["href"] == f"/threads/{runs[0].thread.upstream_id}/"
    assert [cell.text for cell in row.all("td", class_="num")] == ["1", "12,608"]


def test_all_threads_are_listed_by_when_they_were_added(viewer: Client, prod) -> None:
    run = made_run(prod)
    ensure_threads(prod, [THREAD])
    page = page_of(viewer.get(URL, {"sort": "-added_at"}))
    assert set(ids(page)) == {THREAD, run.thread.upstream_id}
    assert "—" in page.one("tr", data_thread_id=THREAD).text


def test_before_anything_has_run_the_added_ones_show(viewer: Client, prod) -> None:
    ensure_threads(prod, [THREAD])
    page = page_of(viewer.get(URL))
    assert ids(page) == [THREAD]
    assert page.one("nav", class_="seg").one("a", aria_current="true").text == "Last added"


def test_pages_both_ways(viewer: Client, prod) -> None:
    runs = made_runs(prod, 60)
    first = page_of(viewer.get(URL))
    second = page_of(viewer.get(URL + first.one("a", rel="next")["href"]))
    assert ids(first) + ids(second) == [run.thread.upstream_id for run in runs]
    assert ids(page_of(viewer.get(URL + second.one("a", rel="prev")["href"]))) == ids(first)
    assert viewer.get(URL, {"cursor": "x"}).status_code == 302


@pytest.mark.parametrize("count", [1, 50])
def test_queries_do_not_grow(viewer: Client, prod, django_assert_max_num_queries, count: int) -> None:
    made_runs(prod, count)
    with django_assert_max_num_queries(8):
        page_of(viewer.get(URL))


def test_a_connection_narrows(viewer: Client, prod) -> None:
    made_run(prod)
    other = made_run(made_connection("other"))
    assert ids(page_of(viewer.get(URL, {"connection": "other"}))) == [other.thread.upstream_id]


def test_nothing_yet(viewer: Client, operator: Client, prod) -> None:
    assert page_of(viewer.get(URL)).one("div", class_="empty")
    assert not page_of(viewer.get(URL)).all("section", id="add-threads")
    assert page_of(operator.get(URL)).one("section", id="add-threads")


# Adding


@pytest.mark.parametrize(
    ("text", "added"),
    [
        (THREAD, {THREAD}),
        (
            f'2026-11-23 ERROR thread="{THREAD}" run=run_1 failed\nsee /threads/thread_xyz/?tab=a',
            {THREAD, "thread_xyz"},
        ),
        (
            "3fa85f64-5717-4562-b3fc-2c963f66afa6\nmy.thread:7\n",
            {"3fa85f64-5717-4562-b3fc-2c963f66afa6", "my.thread:7"},
        ),
        ('{"id": "thread_json", "object": "thread"}', {"thread_json"}),
    ],
)
def test_ids_are_found_in_any_text(operator: Client, prod, text: str, added: set[str]) -> None:
    answer = operator.post(ADD, {"ids": text})
    assert (answer.status_code, answer["Location"]) == (303, "/threads/?sort=-added_at")
    assert set(Thread.objects.values_list("upstream_id", flat=True)) == added
    assert Thread.objects.filter(added_by="operator", due_at__isnull=False).count() == len(added)
    page = page_of(operator.get(answer["Location"]))
    assert f"{len(added)} thread" in page.one("div", id="toasts").text


def test_adding_is_on_the_record(operator: Client, prod) -> None:
    ensure_threads(prod, ["thread_known"])
    PurgedThread.objects.create(connection=prod, upstream_id=THREAD)
    answer = operator.post(ADD, {"ids": f"{THREAD}\nthread_known"})
    said = "1 thread added to prod, 1 known before, 1 purged thread came back."
    assert said in page_of(operator.get(answer["Location"])).one("div", id="toasts").text
    outcome = AuditEntry.objects.get(kind="outcome")
    assert (outcome.action, outcome.actor, outcome.connection_slug) == ("add_threads", "operator", "prod")
    assert outcome.after == {"new": 1, "known": 1, "back": 1, "thread_ids": [THREAD]}


def test_the_connection_can_be_chosen(operator: Client, prod) -> None:
    made_connection("other")
    operator.post(ADD, {"ids": THREAD, "connection": "other"})
    assert Thread.objects.get().connection.slug == "other"
    assert operator.post(ADD, {"ids": THREAD, "connection": "none"}).status_code == 404


@pytest.mark.parametrize(
    ("text", "word"), [("", "Paste"), ("run_abc step_def", "run and step"), ("nothing to see here", "no thread id")]
)
def test_text_without_a_thread_is_kept_and_explained(operator: Client, prod, text: str, word: str) -> None:
    page = page_of(operator.post(ADD, {"ids": text}), status=422)
    assert page.one("textarea", name="ids", aria_invalid="true").text == text
    assert word in page.one("p", id="add-err").text
    assert not Thread.objects.exists()


def test_without_a_connection_there_is_nothing_to_add_to(operator: Client) -> None:
    assert page_of(operator.post(ADD, {"ids": THREAD}), status=404).one("div", id="problem-page")


def test_who_may_add(client: Client, viewer: Client, operator: Client, prod, settings) -> None:
    assert client.post(ADD, {"ids": THREAD}).status_code == 302
    assert viewer.post(ADD, {"ids": THREAD}).status_code == 403
    assert operator.get(ADD).status_code == 405
    settings.RUNSDASH_READ_ONLY = True
    assert operator.post(ADD, {"ids": THREAD}).status_code == 403
    assert not Thread.objects.exists()
    assert AuditEntry.objects.get().kind == "refusal"
