"""The list of threads, and adding some by their ids."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection, Label, PurgedThread, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads, upsert_threads
from runsdash.service import objects
from tests.pages import Element, page_of, partials_of
from tests.queries import at_most
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
    assert ids(page) == [*(run.thread.upstream_id for run in runs), THREAD]
    row = page.one("tr", data_thread_id=runs[0].thread.upstream_id)
    assert row.one("th").one("a")["href"] == f"/threads/{runs[0].thread.upstream_id}/"
    assert [cell.text for cell in row.all("td", class_="num")][:2] == ["1", "12,608"]
    assert row["data-status"] == "completed"


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
    assert "No run yet" in page.one("tr", data_thread_id=THREAD).text


def test_a_row_says_what_the_conversation_is_about(viewer: Client, prod) -> None:
    asked = made_run(prod, thread_id="thread_1", age_s=90)
    failed = made_run(prod, thread_id="thread_2", status="failed")
    waiting = made_run(prod, thread_id="thread_3", status="requires_action")
    Thread.objects.filter(pk=asked.thread_id).update(first_question="Where is <b>NW-1</b>?", last_reply="In the van.")
    page = page_of(viewer.get(URL))
    rows = {row["data-thread-id"]: row for row in page.all("tr", data_thread_id=True)}
    assert rows["thread_1"].one("th").one("a").text == "Where is <b>NW-1</b>?"
    said = {name: {one.text for one in row.all("span", class_="out")} for name, row in rows.items()}
    assert said == {"thread_1": {"In the van."}, "thread_2": {"It broke."}, "thread_3": {"Waits for get_stock"}}
    assert rows[failed.thread.upstream_id].one("span", class_="status")["data-status"] == "failed"
    assert rows[waiting.thread.upstream_id]["data-status"] == "requires_action"


def test_facts_notes_and_labels_of_a_row_stand_apart(viewer: Client, prod) -> None:
    run = made_run(prod, thread_id="thread_1")
    Connection.objects.update(customer_key="customer")
    thread = {"id": "thread_1", "object": "thread", "metadata": {"customer": "C-14"}}
    upsert_threads(prod, [objects.Thread.from_raw(thread)], fetched_at=timezone.now())
    Thread.objects.update(is_gone=True, first_question="Where is it?")
    Label.objects.create(thread=run.thread, name="vip", given_by="anna")
    head = page_of(viewer.get(URL)).one("tr", data_thread_id="thread_1").one("th")
    assert head.text.startswith("Where is it? gone upstream vip ")
    assert head.one("span", class_="facts").text.split(" · ")[0] == "C-14"
    assert head.one("span", class_="facts").text.endswith(" · 1 run")


def test_the_reason_of_a_long_error_is_there_whole(viewer: Client, prod) -> None:
    reason = "It broke, since " + "one thing led to another and " * 20 + "that was it."
    made_run(prod, status="failed", last_error={"code": "server_error", "message": reason})
    assert page_of(viewer.get(URL)).one("tr", data_thread_id=True).all("span", class_="out")[1]["title"] == reason
    assert len(reason) > 500


# The filter


def test_a_filter_finds_threads(viewer: Client, prod) -> None:
    customer = {"id": "thread_1", "object": "thread", "metadata": {"customer": "C-14"}}
    upsert_threads(prod, [objects.Thread.from_raw(customer)], fetched_at=timezone.now())
    made_run(prod, thread_id="thread_2", status="failed", instructions="Find the parcel.")
    made_run(prod, thread_id="thread_3")
    for text, found in {
        "metadata.customer=C-14": ["thread_1"], "C-14": ["thread_1"], "status:failed": ["thread_2"],
        "parcel": ["thread_2"], "runs>0 -status:failed": ["thread_3"], "error:server_error": ["thread_2"],
    }.items():  # fmt: skip
        page = page_of(viewer.get(URL, {"q": text}))
        assert ids(page) == found, text
        assert page.one("input", aria_label="Filter")["value"] == text
    assert "No threads match" in page_of(viewer.get(URL, {"q": "nowhere"})).one("div", class_="empty").text
    assert page_of(viewer.get(URL, {"q": "metadata.customer=C-14"})).one("title").text.startswith("Threads: metadata")


def test_a_filter_that_cannot_be_read_is_kept_and_explained(viewer: Client, prod) -> None:
    page = page_of(viewer.get(URL, {"q": "runs>1 queue>5s"}), status=400)
    assert page.one("input", aria_label="Filter", aria_invalid="true")["value"] == "runs>1 queue>5s"
    hint = page.one("p", id="q-hint")
    assert (hint["data-clause"], hint["data-position"]) == ("queue>5s", "7")
    assert not page.all("table")


def test_a_cell_narrows_the_list(viewer: Client, prod) -> None:
    Connection.objects.update(customer_key="customer")
    made_run(prod, thread_id="thread_1", status="failed")
    made_run(prod, thread_id="thread_2")
    customer = {"id": "thread_2", "object": "thread", "metadata": {"customer": "C-14"}}
    upsert_threads(prod, [objects.Thread.from_raw(customer)], fetched_at=timezone.now())
    page = page_of(viewer.get(URL))
    cells = {row["data-thread-id"]: row for row in page.all("tr", data_thread_id=True)}
    this, others = cells["thread_1"].one("td", class_="c-state").one("span", class_="only").all("a")
    assert ids(page_of(viewer.get(URL + this["href"]))) == ["thread_1"]
    assert ids(page_of(viewer.get(URL + others["href"]))) == ["thread_2"]
    named = cells["thread_2"].one("td", class_="c-who")
    assert named.text.startswith("C-14")
    assert ids(page_of(viewer.get(URL + named.all("a")[0]["href"]))) == ["thread_2"]
    assert not cells["thread_1"].one("td", class_="c-who").all("span", class_="only")


def test_two_days_are_a_filter(viewer: Client, prod) -> None:
    answer = viewer.get(URL, {"q": "status:failed", "from": "2026-11-20", "to": "2026-11-27"})
    assert answer["Location"] == "/threads/?q=status%3Afailed+active%3A2026-11-20..2026-11-27"
    menu = page_of(viewer.get(answer["Location"])).one("form", id="facet-time")
    assert (menu["action"], menu.one("input", name="from")["value"]) == (URL, "2026-11-20")


def test_a_list_can_be_sorted_by_its_numbers(viewer: Client, prod) -> None:
    made_runs(prod, 3, thread_id="thread_many")
    made_run(prod, thread_id="thread_one")
    page = page_of(viewer.get(URL))
    link = next(one for one in page.one("thead").all("a") if one.text == "Runs")
    assert link["href"] == "?sort=-runs"
    sorted_page = page_of(viewer.get(URL + link["href"]))
    assert ids(sorted_page) == ["thread_many", "thread_one"]
    assert sorted_page.one("th", aria_sort="descending").text == "Runs"


def test_facets_count_by_the_last_run_and_narrow(viewer: Client, prod) -> None:
    made_run(prod, thread_id="thread_1", status="failed", age_s=90)
    made_run(prod, thread_id="thread_1")
    made_run(prod, thread_id="thread_2", status="failed")
    page = page_of(viewer.get("/threads/facets/", headers={"HX-Request": "true"}))
    failed = page.one("div", id="facet-status").one("div", data_value="failed")
    assert failed.one("small").text == "1"
    assert ids(page_of(viewer.get(URL + failed.all("a")[0]["href"]))) == ["thread_2"]
    assert page_of(viewer.get(URL, {"facets": 1})).one("div", id="facet-status")


def figures(page: Element) -> list[str]:
    return [one.text for one in page.one("ul", id="totals").all("li")]


def test_sums_of_the_threads_that_were_found_stand_above_them(viewer: Client, prod) -> None:
    made_run(prod, thread_id="thread_1", status="failed", age_s=90)
    made_run(prod, thread_id="thread_1")
    made_run(prod, thread_id="thread_2", status="failed")
    made_run(prod, thread_id="thread_3", status="requires_action")
    cache.clear()
    wanted = ["3 threads", "4 runs", "1 need an answer", "1 failed, 33.3 %", "37.8 K tokens"]
    assert figures(page_of(viewer.get(URL, {"facets": 1})))[:5] == wanted
    assert figures(page_of(viewer.get("/threads/totals/")))[:5] == wanted
    partials = partials_of(viewer.get("/threads/facets/", {"q": "status:failed"}, headers={"HX-Request": "true"}))
    assert figures(partials["#totals"])[:2] == ["1 thread", "1 run"]
    failed = page_of(viewer.get(URL, {"facets": 1})).one("ul", id="totals").one("li", data_status="failed").one("a")
    assert ids(page_of(viewer.get(failed["href"]))) == ["thread_2"]
    assert "$" in figures(page_of(viewer.get(URL, {"facets": 1})))[5]


def test_sums_of_what_cannot_be_read_or_found_claim_nothing(viewer: Client, prod) -> None:
    cache.clear()
    assert figures(page_of(viewer.get("/threads/totals/", {"q": "no:such"}))) == [""]
    assert figures(page_of(viewer.get("/threads/totals/"))) == ["0 threads"]


def test_suggestions_are_those_of_threads(viewer: Client, prod) -> None:
    page = page_of(viewer.get("/threads/suggest/", {"q": "ru"}, headers={"HX-Request": "true"}))
    assert [one["data-text"] for one in page.all("button", role="option")] == ["runs>"]


def test_pages_both_ways(viewer: Client, prod) -> None:
    runs = made_runs(prod, 60)
    first = page_of(viewer.get(URL))
    second = page_of(viewer.get(URL + first.one("a", rel="next")["href"]))
    assert ids(first) + ids(second) == [run.thread.upstream_id for run in runs]
    assert ids(page_of(viewer.get(URL + second.one("a", rel="prev")["href"]))) == ids(first)
    assert viewer.get(URL, {"cursor": "x"}).status_code == 302


@pytest.mark.parametrize("count", [1, 50])
def test_queries_do_not_grow(viewer: Client, prod, count: int) -> None:
    made_runs(prod, count)
    with at_most(10):
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
    page = page_of(operator.post(ADD, {"ids": THREAD}), status=422)
    assert page.one("textarea", name="ids").text == THREAD
    assert "There is no connection yet" in page.one("p", id="add-err").text


def test_who_may_add(client: Client, viewer: Client, operator: Client, prod, settings) -> None:
    assert client.post(ADD, {"ids": THREAD}).status_code == 302
    assert viewer.post(ADD, {"ids": THREAD}).status_code == 403
    assert operator.get(ADD).status_code == 405
    settings.RUNSDASH_READ_ONLY = True
    assert operator.post(ADD, {"ids": THREAD}).status_code == 403
    assert not Thread.objects.exists()
    assert AuditEntry.objects.get().kind == "refusal"
