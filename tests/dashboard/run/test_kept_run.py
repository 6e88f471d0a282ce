"""The page of a run that ended long ago is kept: what shows at once all the same, and to whom."""

import pytest
from django.test import Client

from runsdash.accounts.models import User
from runsdash.dashboard.shell import kept_parts
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Assistant, Label, Run
from tests.dashboard.conftest import LATER
from tests.pages import Element, page_of
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
KEPT = "run/_run.html"
HOURS = 90_000


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    kept_parts._kept.clear()


def ended(*, age_s: float = HOURS) -> Run:
    """A run that nobody reads any more."""
    run = made_run(made_connection(), age_s=age_s, metadata={"env": "prod"})
    Run.objects.update(has_all_steps=True, checked_at=LATER, steps_checked_at=LATER)
    return run


def look(client: Client, run: Run, more: str = "") -> Element:
    return page_of(client.get(run_url(run) + more))


@pytest.mark.usefixtures("one_minute")
def test_a_second_look_reads_the_row_and_draws_the_frame_alone(viewer: Client) -> None:
    run = ended()
    first = look(viewer, run)
    with at_most(4), renders_at_most(8) as drawn:
        second = look(viewer, run)
    assert KEPT not in drawn
    assert second.one(id="run").text == first.one(id="run").text
    assert second.one("title").text == first.one("title").text


def test_a_run_that_has_just_ended_is_drawn_at_each_look(viewer: Client) -> None:
    run = ended(age_s=600)
    look(viewer, run)
    with renders_at_most(80) as drawn:
        look(viewer, run)
    assert KEPT in drawn


def test_what_somebody_changes_shows_at_the_next_look(viewer: Client) -> None:
    run = ended()
    assert "12,608 tokens" in look(viewer, run).one(id="run-head").text
    Run.objects.filter(pk=run.pk).update(total_tokens=777)
    assert "777 tokens" in look(viewer, run).one(id="run-head").text
    Assistant.objects.create(
        connection=run.connection, upstream_id=run.assistant_id, name="Stock bot", fetched_at=LATER
    )
    assert "Stock bot" in look(viewer, run).one(id="run-head").text
    Label.objects.create(thread=run.thread, run=run, name="odd", given_by="somebody")
    assert look(viewer, run).one(id="labels").text == "odd"


def test_each_address_has_a_page_of_its_own(viewer: Client) -> None:
    run = ended()
    assert not look(viewer, run).all(id="run-raw")
    assert look(viewer, run, "?tab=raw").one(id="run-raw")
    assert not look(viewer, run).all(id="run-raw")


def test_each_person_gets_what_they_may_do_in_their_own_time(viewer: Client, operator: Client) -> None:
    run = ended()
    for client, may_act in [(operator, True), (viewer, False), (operator, True)]:
        assert bool(look(client, run).all("a", data_key="r")) is may_act
    User.objects.filter(username="viewer").update(time_zone="Asia/Tokyo")
    assert "JST" in look(viewer, run).one(id="run-settings").text
    assert "UTC" in look(operator, run).one(id="run-settings").text


def test_forms_of_a_kept_page_carry_the_token_of_their_request(operator: Client) -> None:
    run = ended()
    forms = [look(operator, run).one(id="add-note").all("input", name="csrfmiddlewaretoken") for _ in range(2)]
    tokens = {one["value"] for fields in forms for one in fields}
    assert len(tokens) == 2, "a masked token differs from page to page"
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    sent = {"csrfmiddlewaretoken": tokens.pop(), "text": "Seen before."}
    assert strict.post(run_url(run, "run_notes"), sent).status_code == 302
    assert "Seen before." in look(operator, run).one(id="notes").text
