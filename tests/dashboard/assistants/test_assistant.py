"""The page of an assistant."""

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Assistant
from tests.pages import page_of
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db
URL = "/assistants/asst_bot/"
TOOL = {"type": "function", "function": {"name": "find_parcel", "parameters": {}}}


@pytest.fixture
def prod(db: None):
    return made_connection()


@pytest.fixture
def bot(prod):
    return Assistant.objects.create(
        connection=prod, upstream_id="asst_bot", name="Parcel Bot", model="gpt-4o", instructions="Be <b>brief</b>.",
        tools=[TOOL, {"type": "file_search"}, "odd"], fetched_at=timezone.now(),
    )  # fmt: skip


def cells(page) -> dict[str, list[str]]:
    rows = page.one("section", aria_labelledby="h-figures").one("tbody").all("tr")
    return {row.one("th").text: [cell.text for cell in row.all("td")] for row in rows}


def test_it_shows_what_the_assistant_is(viewer: Client, bot) -> None:
    page = page_of(viewer.get(URL))
    assert page.one("h1").text == "Parcel Bot"
    settings = page.one("section", aria_labelledby="h-settings")
    assert [one.text for one in settings.all("summary")] == ["find_parcel function", "file_search", "tool"]
    assert settings.one("pre", aria_label="Instructions").text == "Be <b>brief</b>."
    assert not page.one("main").all("form")


def test_it_counts_its_runs_failures_and_cost(viewer: Client, bot) -> None:
    made_run(bot.connection, assistant_id="asst_bot")
    made_run(bot.connection, assistant_id="asst_bot", status="failed")
    made_run(bot.connection, assistant_id="asst_bot", status="queued")
    made_run(bot.connection, assistant_id="asst_bot", age_s=3 * 86400)
    made_run(bot.connection, assistant_id="asst_other")
    figures = cells(page_of(viewer.get(URL)))
    assert figures["last 24 hours"][:2] == ["3", "1, 50.0 %"]
    assert figures["last 7 days"][:2] == ["4", "1, 33.3 %"]
    assert figures["last 7 days"][3].startswith("$")


def test_its_numbers_lead_to_those_runs(viewer: Client, bot) -> None:
    made_run(bot.connection, id="run_ok", assistant_id="asst_bot")
    made_run(bot.connection, id="run_bad", assistant_id="asst_bot", status="failed")
    page = page_of(viewer.get(URL))
    row = page.one("section", aria_labelledby="h-figures").one("tbody").all("tr")[1]
    every, bad = (page_of(viewer.get(link["href"])) for link in row.all("a"))
    assert {one["data-run-id"] for one in every.all("tr", data_run_id=True)} == {"run_ok", "run_bad"}
    assert {one["data-run-id"] for one in bad.all("tr", data_run_id=True)} == {"run_bad"}
    assert len(page.one("section", aria_labelledby="found-runs").all("li")) == 2


def test_rows_of_runs_link_to_it(viewer: Client, bot) -> None:
    made_run(bot.connection, assistant_id="asst_bot")
    assert page_of(viewer.get("/runs/")).one("table").all("a", href=URL)


def test_one_that_was_never_listed_shows_its_runs(viewer: Client, prod) -> None:
    made_run(prod, assistant_id="asst_bot")
    page = page_of(viewer.get(URL))
    assert page.one("h1").text == "asst_bot"
    assert "not listed" in page.one("div", class_="pagehead").text
    assert len(page.one("section", aria_labelledby="found-runs").all("li")) == 1


def test_an_id_of_two_connections_is_a_choice(viewer: Client, bot) -> None:
    other = made_connection("other")
    Assistant.objects.create(connection=other, upstream_id="asst_bot", name="Other Bot", fetched_at=timezone.now())
    assert viewer.get(URL).status_code == 300
    assert page_of(viewer.get(URL, {"connection": "other"})).one("h1").text == "Other Bot"


@pytest.mark.parametrize("count", [1, 30])
def test_queries_do_not_grow(viewer: Client, bot, django_assert_max_num_queries, count: int) -> None:
    made_runs(bot.connection, count, assistant_id="asst_bot")
    with django_assert_max_num_queries(12):
        page_of(viewer.get(URL))


def test_who_may_look(client: Client, viewer: Client, prod) -> None:
    assert client.get(URL).status_code == 302
    assert viewer.get(URL).status_code == 404
    assert viewer.post(URL).status_code == 405
