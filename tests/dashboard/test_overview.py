"""The overview: counts that link to their lists, the inbox, causes, overdue runs, and its poll."""

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index import counts
from tests.pages import Element, page_of, partials_of
from tests.rows import made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db
URL = "/"
DAY_S = 86400


@pytest.fixture
def prod(db: None):
    return made_connection()


def count(page: Element, status: str) -> str:
    return page.one("a", data_count=status).one("strong").text


def ids(element: Element) -> list[str]:
    return [row["data-run-id"] for row in element.all("tr", data_run_id=True)]


def test_without_a_connection_it_explains(as_admin: Client, as_viewer: Client) -> None:
    page = page_of(as_admin.get(URL))
    assert "RUNSDASH_API_BASE_URL" in page.one("div", id="no-connection").text
    assert page.one("div", id="no-connection").one("a")["href"] == "/connections/new/"
    assert not page_of(as_viewer.get(URL)).one("div", id="no-connection").all("a")


def test_counts_are_of_the_range_and_link_to_their_list(as_viewer: Client, prod) -> None:
    made_runs(prod, 3, status="failed")
    made_run(prod, status="failed", age_s=2 * DAY_S)
    made_run(prod, status="completed", age_s=20 * DAY_S)
    made_run(prod, status="queued", age_s=40 * DAY_S)
    page = page_of(as_viewer.get(URL, {"range": "24h"}))
    assert [count(page, one) for one in ("failed", "completed", "queued")] == ["3", "0", "1"]
    assert count(page_of(as_viewer.get(URL)), "failed") == "4"
    assert count(page_of(as_viewer.get(URL, {"range": "30d"})), "completed") == "1"
    for status, rows in (("failed", 3), ("queued", 1)):
        listed = page_of(as_viewer.get(page.one("a", data_count=status)["href"]))
        assert len(ids(listed)) == rows


def test_the_change_on_the_time_before(as_viewer: Client, prod) -> None:
    made_runs(prod, 3, status="failed")
    made_run(prod, status="failed", age_s=1.5 * DAY_S)
    cell = page_of(as_viewer.get(URL, {"range": "24h"})).one("a", data_count="failed")
    assert cell.one("span", class_="delta", data_tone="bad").text == "+2"


@pytest.mark.parametrize(
    "query", [{"range": "1y"}, {"from": "soon"}, {"from": "2026-11-02", "to": "2026-11-01"}, {"to": "2026-11-01"}]
)
def test_a_range_that_cannot_be_read_falls_back_and_says_so(as_viewer: Client, prod, query: dict) -> None:
    page = page_of(as_viewer.get(URL, query))
    assert page.one("nav", class_="seg").one("a", aria_current="true")["href"] == "?range=7d"
    assert page.one("div", class_="banner").text


def test_a_range_of_two_moments(as_viewer: Client, prod) -> None:
    made_run(prod, age_s=3 * DAY_S)
    made_run(prod)
    day = timezone.now() - timedelta(days=4)
    until = timezone.now() - timedelta(days=2)
    page = page_of(as_viewer.get(URL, {"from": f"{day:%Y-%m-%d}", "to": f"{until:%Y-%m-%d}"}))
    assert count(page, "completed") == "1"
    assert len(ids(page_of(as_viewer.get(page.one("a", data_count="completed")["href"])))) == 1


def test_needs_action_soonest_first_with_a_way_to_respond(as_operator: Client, as_viewer: Client, prod) -> None:
    later = made_run(prod, status="requires_action", age_s=10)
    soon = made_run(prod, status="requires_action", age_s=500, required_action=waiting_for("a", "b", "b"))
    gone = made_run(prod, status="requires_action", age_s=700)
    panel = page_of(as_operator.get(URL)).one("section", id="needs-action")
    assert ids(panel) == [soon.upstream_id, later.upstream_id]
    row = panel.one("tr", data_run_id=soon.upstream_id)
    assert "soon" in row.one("span", data_countdown=True)["class"]
    assert row.one("time")["datetime"] == f"{soon.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    assert "a, b ×2" in row.text
    assert row.one("a", class_="btn").text.startswith("Respond")
    assert row.one("a", class_="btn")["href"].endswith(f"/runs/{soon.upstream_id}/")
    page = page_of(as_viewer.get(URL))
    assert page.one("section", id="needs-action").all("a", class_="btn")[0].text.startswith("Open")
    assert ids(page.one("div", id="overdue")) == [gone.upstream_id]


def test_overdue_runs(as_viewer: Client, prod) -> None:
    late = made_run(prod, status="in_progress", age_s=1000, expires_at=None)
    made_run(prod, status="in_progress", age_s=100)
    made_run(prod, status="completed", age_s=5000)
    page = page_of(as_viewer.get(URL))
    assert ids(page.one("div", id="overdue")) == [late.upstream_id]


def test_causes(as_viewer: Client, prod) -> None:
    made_runs(prod, 2, status="failed")
    made_run(prod, status="incomplete", incomplete_details={"reason": "max_completion_tokens"})
    made_run(prod, status="expired")
    rows = page_of(as_viewer.get(URL)).one("section", id="causes").one("tbody").all("tr")
    assert [row.all("td")[-1].text for row in rows] == ["2", "1", "1"]
    assert rows[0].one("code").text == "server_error"
    assert len(ids(page_of(as_viewer.get(rows[0].one("a")["href"])))) == 2
    assert any("no reason given" in row.text for row in rows)


def test_queries_do_not_grow(as_viewer: Client, prod, django_assert_max_num_queries) -> None:
    for status in ("requires_action", "in_progress", "failed", "completed"):
        made_runs(prod, 12, status=status, age_s=20)
    with django_assert_max_num_queries(22):
        page_of(as_viewer.get(URL))


def test_a_connection_narrows(as_viewer: Client, prod) -> None:
    made_run(prod, status="failed")
    made_run(made_connection("other"), status="failed")
    page = page_of(as_viewer.get(URL, {"connection": "other"}))
    assert count(page, "failed") == "1"
    assert len(ids(page_of(as_viewer.get(page.one("a", data_count="failed")["href"])))) == 1


# The poll


def live(client: Client, poll: Element):
    return client.get(poll["hx-get"], headers={"HX-Request": "true", "HX-PTag": poll["hx-ptag"]})


def test_the_poll_answers_only_news(as_viewer: Client, prod) -> None:
    made_run(prod)
    poll = page_of(as_viewer.get(URL, {"range": "24h"})).one("div", id="poll")
    assert live(as_viewer, poll).status_code == 304
    waits = made_run(prod, status="requires_action")
    answer = live(as_viewer, poll)
    partials = partials_of(answer)
    assert ids(partials["#needs-action"]) == [waits.upstream_id]
    assert count(partials["#status-counts"], "requires_action") == "1"
    assert partials["#poll"].one("div")["hx-ptag"] == answer["HX-PTag"]
    assert live(as_viewer, partials["#poll"].one("div")).status_code == 304


def test_slow_counts_are_kept_a_while() -> None:
    asked: list[int] = []

    def counted(cost_s: float) -> int:
        time.sleep(cost_s)
        asked.append(1)
        return len(asked)

    assert [counts.affordable(("quick",), lambda: counted(0)) for _ in range(2)] == [1, 2]
    slow = [counts.affordable(("slow",), lambda: counted(2 * counts.FAST_ENOUGH_S)) for _ in range(3)]
    assert slow == [3, 3, 3]


def test_who_may_look(client: Client, as_nobody: Client) -> None:
    assert client.get(URL).status_code == 302
    assert as_nobody.get(URL).status_code == 403
    assert as_nobody.post(URL).status_code == 403
