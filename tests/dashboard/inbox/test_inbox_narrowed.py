"""The views of the inbox with their numbers, its filter by function, and the queue that keeps to it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.actions.outputs.drafts import save_drafts
from runsdash.dashboard.inbox.inbox import MAX_LOOKED_AT, MAX_ROWS
from runsdash.index.models import Connection, Run
from tests.dashboard.inbox.test_inbox import live, poll_of
from tests.dashboard.inbox.test_queue import page_path
from tests.pages import Element, page_of, partials_of, run_ids
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/needs-action/"


@pytest.fixture
def prod(db: None) -> Connection:
    """An upstream that is off, so that nothing is asked."""
    return made_connection(is_enabled=False)


@pytest.fixture
def runs(prod) -> dict[str, Run]:
    """Runs that wait, soonest expiry first."""
    asked = {"pay": ["pay_claim"], "find": ["find_shipment"], "both": ["find_shipment", "pay_claim"], "read": ["read"]}
    return {
        name: made_run(prod, status="requires_action", age_s=500 - 100 * at, required_action=waiting_for(*calls))
        for at, (name, calls) in enumerate(asked.items())
    }


def views(page: Element) -> list[str]:
    nav = page.one("nav", id="inbox-views")
    return [one.text for one in nav.all("a") if one.parent is nav]


def functions(page: Element) -> dict[str, str]:
    menu = page.one("div", id="inbox-functions")
    return {one.one("span").text: one.one("small").text for one in menu.all("a")}


def rows(page: Element) -> list[str]:
    return run_ids(page.one("section", id="inbox"))


def ids(runs: dict[str, Run], *names: str) -> list[str]:
    return [runs[name].upstream_id for name in names]


def test_views_say_how_many_runs_need_an_answer_wherever_one_looks(operator, runs) -> None:
    assert views(page_of(operator.get(URL))) == ["Needs an answer 4", "My drafts", "Missed"]
    assert views(page_of(operator.get(URL, {"tab": "missed"}))) == ["Needs an answer 4", "My drafts", "Missed 0"]


def test_drafts_of_the_reader_are_a_view(operator, admin, runs) -> None:
    save_drafts(user=operator.user, run=runs["find"], texts={"call_0_find_shipment": "Lingen"})
    save_drafts(user=admin.user, run=runs["pay"], texts={"call_0_pay_claim": "no"})
    assert views(page_of(operator.get(URL)))[1] == "My drafts 1"
    page = page_of(operator.get(URL, {"tab": "mine"}))
    assert rows(page) == ids(runs, "find")
    assert views(page)[0] == "Needs an answer 4"
    assert "1 run needs an answer that you began" in page.one("h2", id="h-inbox").text


def test_without_a_draft_the_view_says_so_and_not_that_no_run_waits(operator, runs) -> None:
    page = page_of(operator.get(URL, {"tab": "mine"}))
    assert not rows(page)
    assert "No run that waits has a draft of yours" in page.text
    assert "No run needs an answer" not in page.text


def test_it_is_narrowed_to_a_function(operator, runs) -> None:
    page = page_of(operator.get(URL))
    assert functions(page) == {"All functions": "", "find_shipment": "2", "pay_claim": "2", "read": "1"}
    page = page_of(operator.get(URL, {"function": "pay_claim"}))
    assert rows(page) == ids(runs, "pay", "both")
    assert functions(page)["find_shipment"] == "2"
    assert "2 runs need" in page.one("h2", id="h-inbox").text


def test_one_function_is_no_choice(operator, prod) -> None:
    made_run(prod, status="requires_action")
    assert not page_of(operator.get(URL)).all("div", id="inbox-functions")


def test_a_function_that_nobody_waits_for_leads_back(operator, runs) -> None:
    page = page_of(operator.get(URL, {"function": "<b>gone</b>"}))
    assert not rows(page)
    assert "No run waits for <b>gone</b>" in page.text
    assert "All that need an answer" in page.text


def test_a_poll_keeps_to_it_and_moves_no_row(operator, prod, runs) -> None:
    poll = poll_of(page_of(operator.get(URL, {"function": "pay_claim"})))
    made_run(prod, status="requires_action", age_s=550, required_action=waiting_for("find_shipment"))
    new = made_run(prod, status="requires_action", age_s=560, required_action=waiting_for("pay_claim"))
    Run.objects.filter(pk=runs["pay"].pk).update(status="completed", pending_calls=[], waits_for="")
    partials = partials_of(live(operator, poll))
    assert run_ids(partials["#inbox"]) == [*ids(runs, "pay", "both"), new.upstream_id]
    assert functions(partials["#inbox-views"])["find_shipment"] == "3"
    assert "function=pay_claim" in partials["#inbox"].one("a", id="inbox-again")["href"]


def test_a_poll_that_brings_nothing_costs_no_more_than_one_of_all(operator, runs) -> None:
    poll = poll_of(page_of(operator.get(URL, {"function": "pay_claim"})))
    with at_most(5):
        assert live(operator, poll).status_code == 304


def test_the_queue_from_there_keeps_to_the_function(operator, runs) -> None:
    link = page_of(operator.get(URL, {"function": "pay_claim"})).one("tr", data_run_id=runs["pay"].upstream_id)
    page = page_of(operator.get(link.one("a", data_answer=True)["href"]))
    bar = page.one("nav", class_="queuebar")
    assert "1 of 2" in bar.text
    assert bar.one("a", id="skip")["href"].startswith(page_path(runs["both"]))
    assert "function=pay_claim" in bar.one("a", id="skip")["href"]
    assert bar.all("a")[0]["href"] == f"{URL}?function=pay_claim"
    assert page.one("form", id="tool-outputs").one("input", name="function")["value"] == "pay_claim"


def test_in_an_outage_numbers_are_of_what_is_known(operator, prod, runs) -> None:
    ago = timezone.now() - timedelta(minutes=10)
    Connection.objects.update(is_enabled=True, worker_seen_at=ago, last_success_at=ago)
    assert views(page_of(operator.get(URL)))[0] == "Needs an answer 4 known"
    page = page_of(operator.get(URL, {"function": "gone"}))
    assert "No run" not in page.one("section", id="inbox").text
    Run.objects.update(status="completed")
    assert views(page_of(operator.get(URL)))[0] == "Needs an answer (unknown)"


def test_more_than_are_looked_at_are_said_to_be_more(operator, prod) -> None:
    made_runs(
        prod, MAX_LOOKED_AT + 1, age_s=-11_000, status="requires_action", required_action=waiting_for("pay_claim")
    )
    page = page_of(operator.get(URL, {"function": "pay_claim"}))
    assert functions(page)["pay_claim"] == "1,001+"
    assert len(rows(page)) == MAX_ROWS
