"""The list of runs, its poll, and the short address of a run."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.dashboard.runs.columns import COLUMNS
from runsdash.index.models import Run
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.service import objects
from tests.pages import Element, page_of, partials_of, run_ids
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs, run_object, waiting_for

pytestmark = pytest.mark.django_db
URL = "/runs/"
NAMES = [column.name for column in COLUMNS]


@pytest.fixture
def prod(db: None):
    return made_connection()


def test_rows_are_newest_first(viewer: Client, prod) -> None:
    runs = made_runs(prod, 3)
    page = page_of(viewer.get(URL))
    assert run_ids(page) == [run.upstream_id for run in runs]
    row = page.one("tr", data_run_id=runs[0].upstream_id)
    assert row["data-status"] == "completed"
    assert row.one("th").one("a")["href"] == f"/threads/{runs[0].thread.upstream_id}/runs/{runs[0].upstream_id}/"
    assert "12,608" in row.text
    assert "47 s" in row.text


def test_every_status_has_icon_and_word(viewer: Client, prod) -> None:
    for status in ("queued", "requires_action", "cancelling", "expired", "made_up"):
        made_run(prod, status=status)
    page = page_of(viewer.get(URL))
    for row in page.all("tr", data_run_id=True):
        pill = row.one("span", class_="status")
        assert pill["data-status"] == row["data-status"]
        assert pill.one("use")["href"].endswith(("dot", f"st-{row['data-status']}"))
    assert "Made up" in page.one("tr", data_status="made_up").text


def test_unknown_values_are_dashes(viewer: Client, prod) -> None:
    made_run(prod, status="queued", usage=None, model=None)
    cells = [cell.text for cell in page_of(viewer.get(URL)).one("tr", data_run_id=True).all("td")]
    assert cells.count("—") >= 4
    assert "0" not in cells


def test_pairs_stand_in_the_order_of_their_keys(viewer: Client, prod) -> None:
    show(viewer, "metadata")
    made_run(prod, metadata={"b": "1", "aa": "2"})
    cell = page_of(viewer.get(URL)).one("tr", data_run_id=True).one("span", class_="tags")
    assert [tag["title"] for tag in cell.all("a", class_="tag")] == ["aa=2", "b=1"]


def test_hostile_text_is_escaped(viewer: Client, prod) -> None:
    evil = "<script>alert(1)</script>"
    show(viewer, *NAMES)
    made_run(prod, model=evil, metadata={evil: evil}, assistant_id=evil, status=evil)
    page = page_of(viewer.get(URL))
    assert all(script.get("src") for script in page.all("script"))
    assert evil in page.one("tr", data_run_id=True).text


@pytest.mark.parametrize("count", [1, 50])
def test_queries_do_not_grow_with_rows(viewer: Client, prod, count: int) -> None:
    made_runs(prod, count)
    with at_most(8):
        page = page_of(viewer.get(URL))
    assert len(run_ids(page)) == count


@pytest.mark.parametrize("count", [1, 20])
def test_nor_where_another_connection_knows_the_same_ids(viewer: Client, prod, count: int) -> None:
    other = made_connection("other")
    for number in range(count):
        for connection in (prod, other):
            made_run(connection, id=f"run_twice{number}", thread_id=f"thread_twice{number}")
    with at_most(10):
        page = page_of(viewer.get(URL))
    links = [row.one("th").one("a")["href"] for row in page.all("tr", data_run_id=True)]
    assert len(links) == 2 * count
    assert {link.partition("?")[2] for link in links} == {"connection=prod", "connection=other"}


@pytest.mark.parametrize("path", ["/", URL, "/threads/", "/needs-action/"])
def test_a_list_reads_the_connections_once(viewer: Client, prod, path: str) -> None:
    made_runs(prod, 2)
    made_run(made_connection("other"))
    with at_most(45) as asked:
        page_of(viewer.get(path))
    assert len([sql for sql in asked if 'FROM "index_connection"' in sql]) == 1


def test_no_query_counts_or_skips(viewer: Client, prod) -> None:
    made_runs(prod, 60)
    page = page_of(viewer.get(URL))
    with at_most(8) as asked:
        viewer.get(URL + page.one("a", rel="next")["href"])
    on_runs = [sql for sql in asked if "index_run" in sql and "waiting_count" not in sql]  # the badge counts to 99
    assert on_runs
    assert not [sql for sql in on_runs if "COUNT(" in sql and "GROUP BY" not in sql]
    assert not [sql for sql in on_runs if "OFFSET" in sql.replace("OFFSET 0", "")]  # which skips nothing


def test_pages_both_ways(viewer: Client, prod) -> None:
    runs = made_runs(prod, 60)
    first = page_of(viewer.get(URL + "?limit=25"))
    second = page_of(viewer.get(URL + first.one("a", rel="next")["href"]))
    assert run_ids(second) == [run.upstream_id for run in runs[25:50]]
    assert not first.all("a", rel="prev")
    third = page_of(viewer.get(URL + second.one("a", rel="next")["href"]))
    assert run_ids(third) == [run.upstream_id for run in runs[50:]]
    assert not third.all("a", rel="next")
    back = page_of(viewer.get(URL + third.one("a", rel="prev")["href"]))
    assert run_ids(back) == run_ids(second)


def test_oldest_first(viewer: Client, prod) -> None:
    runs = made_runs(prod, 3)
    page = page_of(viewer.get(URL + "?sort=created_at"))
    assert run_ids(page) == [run.upstream_id for run in reversed(runs)]
    assert page.one("th", aria_sort=True)["aria-sort"] == "ascending"


@pytest.mark.parametrize(("asked", "shown"), [("25", 25), ("100", 60), ("7", 50), ("x", 50), ("-1", 50)])
def test_page_size(viewer: Client, prod, asked: str, shown: int) -> None:
    made_runs(prod, 60)
    assert len(run_ids(page_of(viewer.get(URL, {"limit": asked})))) == shown


def test_a_filter_that_is_too_long_is_refused_and_kept(viewer: Client, prod) -> None:
    text = " ".join(f"-model:a-model-of-many-{number:04}" for number in range(800))
    page = page_of(viewer.post(URL, {"q": text}), status=400)
    assert page.one("input", aria_label="Filter")["value"] == text
    said = page.one(id="q-hint")
    assert "at most 20,000 characters" in said.text
    assert said["data-position"] == "20000"


def test_a_strange_cursor_leads_to_the_first_page(viewer: Client, prod) -> None:
    answer = viewer.get(URL, {"cursor": "zzz", "q": "status:failed"})
    assert (answer.status_code, answer["Location"]) == (302, "/runs/?q=status%3Afailed")


def test_the_menu_of_statuses_writes_the_filter(viewer: Client, prod) -> None:
    failed, expired = made_run(prod, status="failed"), made_run(prod, status="expired")
    made_run(prod)

    def choose(page: Element, status: str) -> Element:
        menu = page.one(id="facet-status")
        address = menu.one("div", data_value=status).all("a")[0]["href"]
        return page_of(viewer.get(f"{URL}{address}&facets=1"))

    page = choose(page_of(viewer.get(URL + "?limit=25&facets=1")), "failed")
    assert run_ids(page) == [failed.upstream_id]
    page = choose(page, "expired")
    assert set(run_ids(page)) == {failed.upstream_id, expired.upstream_id}
    assert page.one("button", popovertarget="facet-status").one("b").text == "2"
    page = choose(page, "failed")
    assert run_ids(page) == [expired.upstream_id]
    assert page.one("form", role="search", action=URL).one("input", type="hidden", name="limit")["value"] == "25"


def test_a_bad_filter_is_kept_and_explained(viewer: Client, prod) -> None:
    made_run(prod)
    page = page_of(viewer.get(URL, {"q": "status:failed colour:red"}), status=400)
    assert page.one("input", aria_label="Filter", aria_invalid="true")["value"] == "status:failed colour:red"
    assert page.one("p", role="alert")["data-clause"] == "colour:red"
    assert not run_ids(page)
    assert not page.all("div", id="poll")


def test_nothing_matches(viewer: Client, prod) -> None:
    made_run(prod)
    page = page_of(viewer.get(URL, {"q": "status:failed"}))
    assert page.one("div", class_="empty").one("a")["href"] == "?"


def test_a_connection_narrows_and_stays(viewer: Client, prod) -> None:
    made_run(prod)
    other = made_run(made_connection("other"))
    page = page_of(viewer.get(URL, {"connection": "other"}))
    assert run_ids(page) == [other.upstream_id]
    assert page.one("a", data_key="g t")["href"] == "/threads/?connection=other"
    assert page_of(viewer.get(URL, {"connection": "none"}), status=404)


def test_links_name_the_connection_only_when_the_id_is_ambiguous(viewer: Client, prod) -> None:
    run = made_run(prod, id="run_twice", thread_id="thread_twice")
    alone = made_run(prod)
    made_run(made_connection("other"), id="run_twice", thread_id="thread_twice")
    page = page_of(viewer.get(URL, {"connection": "prod"}))
    hrefs = {row["data-run-id"]: row.one("th").one("a")["href"] for row in page.all("tr", data_run_id=True)}
    assert hrefs[run.upstream_id].endswith("?connection=prod")
    assert "connection" not in hrefs[alone.upstream_id]


def test_writing_is_not_a_method_here(viewer: Client) -> None:
    assert viewer.put(URL).status_code == 405


def test_who_may_look(client: Client, nobody: Client) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"
    answer = client.get(URL, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/?q=x"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/accounts/login/?next=%2Fruns%2F%3Fq%3Dx"
    page = page_of(nobody.get(URL), status=403)
    assert "no role yet" in page.one("div", id="problem-page").text


# The poll


def test_the_poll_says_nothing_new_until_something_is(viewer: Client, prod) -> None:
    show(viewer, "metadata")
    running = run_object(status="in_progress", metadata={"env": "prod"})
    take(prod, running)
    done = made_run(prod)
    page = page_of(viewer.get(URL, {"limit": "25"}))
    poll = page.one("div", id="poll")
    assert "every 5s" in poll["hx-trigger"]
    assert live(viewer, poll).status_code == 304
    take(prod, running | {"status": "failed", "last_error": {"code": "server_error", "message": "x"}})
    partials = partials_of(live(viewer, poll))
    row = partials[f"#run-{key_of(running['id'])}"].one("tr")
    assert row["data-status"] == "failed"
    assert row.one("a", class_="tag")["href"] == page.one("a", class_="tag")["href"]
    assert f"#run-{done.pk}" not in partials
    poll = partials["#poll"].one("div")
    assert "every 10s" in poll["hx-trigger"]
    assert live(viewer, poll).status_code == 304


def test_newer_runs_are_announced_and_move_nothing(viewer: Client, prod) -> None:
    made_run(prod)
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    for _ in range(3):
        made_run(prod, age_s=1)
    answer = live(viewer, poll)
    partials = partials_of(answer)
    assert partials["#newer-runs"].one("a").text == "3 newer runs"
    assert not [target for target in partials if target.startswith("#run-")]
    assert partials["#poll"].one("div")["hx-ptag"] == answer["HX-PTag"]
    assert answer["Cache-Control"] == "no-store"


def test_newer_runs_are_those_that_match(viewer: Client, prod) -> None:
    poll = page_of(viewer.get(URL, {"q": "status:failed"})).one("div", id="poll")
    made_run(prod, status="completed", age_s=1)
    assert live(viewer, poll).status_code == 304
    made_run(prod, status="failed", age_s=1)
    assert partials_of(live(viewer, poll))["#newer-runs"].one("a")["href"] == "?q=status%3Afailed"


def test_runs_that_are_found_late_or_beside_a_clock_that_is_ahead_are_newer(viewer: Client, prod) -> None:
    made_run(prod, age_s=-3600)  # the server that made it is an hour ahead
    made_runs(prod, 3)
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    made_run(prod, age_s=1)
    made_run(prod, age_s=75)  # between two that are shown
    assert partials_of(live(viewer, poll))["#newer-runs"].one("a").text == "2 newer runs"


def test_a_run_that_would_stand_on_a_later_page_is_not_announced(viewer: Client, prod) -> None:
    made_runs(prod, 60)
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    made_run(prod, age_s=5000)
    assert live(viewer, poll).status_code == 304


def test_what_a_page_shows_is_not_newer_and_what_is_committed_late_is(viewer: Client, prod) -> None:
    late = made_run(prod, age_s=5)
    key = late.pk
    Run.objects.filter(pk=key).update(connection_id=made_connection("other", is_enabled=False).pk)
    made_runs(prod, 3)
    poll = page_of(viewer.get(URL, {"connection": prod.slug})).one("div", id="poll")
    assert live(viewer, poll).status_code == 304
    Run.objects.filter(pk=key).update(connection_id=prod.pk)
    assert partials_of(live(viewer, poll))["#newer-runs"].one("a").text == "1 newer run"


def test_later_pages_do_not_announce_newer_runs(viewer: Client, prod) -> None:
    made_runs(prod, 60)
    first = page_of(viewer.get(URL))
    poll = page_of(viewer.get(URL + first.one("a", rel="next")["href"])).one("div", id="poll")
    made_run(prod, age_s=1)
    assert live(viewer, poll).status_code == 304


def test_a_poll_of_nonsense_is_harmless(viewer: Client, prod) -> None:
    url = reverse("runs_live")
    assert viewer.get(url, {"rows": "x.9" + "9" * 30 + ".-1", "drawn": "9.x", "q": "colour:red"}).status_code == 200


def show(client: Client, *names: str) -> None:
    """Chooses columns for who looks."""
    User.objects.filter(pk=client.user.pk).update(list_columns=[*names])


def live(client: Client, poll: Element):
    headers = {"HX-Request": "true", "HX-PTag": poll["hx-ptag"]}
    return client.get(poll["hx-get"], headers=headers)


def take(connection, raw: dict) -> None:
    upsert_runs(connection, [objects.Run.from_raw(raw)], fetched_at=timezone.now())


def key_of(upstream_id: str) -> int:
    return Run.objects.get(upstream_id=upstream_id).pk


# The short address


def test_a_known_run_leads_to_its_page(viewer: Client, prod) -> None:
    run = made_run(prod)
    answer = viewer.get(f"/runs/{run.upstream_id}/")
    assert answer.status_code == 302
    assert answer["Location"] == f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"


def test_an_unknown_run_is_explained(viewer: Client, prod) -> None:
    page = page_of(viewer.get("/runs/run_nowhere/"), status=404)
    assert "only by its thread" in page.one("div", id="problem-page").text


def test_an_ambiguous_run_is_a_choice(viewer: Client, prod) -> None:
    made_run(prod, id="run_twice", thread_id="thread_1")
    made_run(made_connection("other"), id="run_twice", thread_id="thread_1")
    page = page_of(viewer.get("/runs/run_twice/"), status=300)
    rows = {row["data-connection"]: row.one("a")["href"] for row in page.all("tr", data_connection=True)}
    assert set(rows) == {"prod", "other"}
    assert viewer.get(rows["other"])["Location"] == "/threads/thread_1/runs/run_twice/?connection=other"


def test_an_id_that_no_address_can_hold_leads_to_the_search(viewer: Client, prod) -> None:
    made_run(prod, id="run/../x", thread_id="")
    page = page_of(viewer.get(URL))
    row = page.one("tr", data_run_id="run/../x")
    assert row.one("th").one("a")["href"] == "/go/?id=run%2F..%2Fx"
    assert page_of(viewer.get("/threads/"))


def test_a_row_of_a_waiting_run_names_its_functions(viewer: Client, prod) -> None:
    made_run(prod, status="requires_action", required_action=waiting_for("get_stock", "get_price", "get_stock"))
    made_run(prod, status="completed")
    rows = page_of(viewer.get("/runs/")).all("tr", data_run_id=True)
    said = {row["data-status"]: row.one("td", class_="c-out").one("span", class_="out").get("title") for row in rows}
    assert said == {"requires_action": "Waits for get_stock and get_price", "completed": None}
