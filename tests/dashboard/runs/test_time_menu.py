"""The menu of times: named spans, and any two days."""

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Connection
from tests.pages import page_of, run_ids
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
URL = "/runs/"
DAY_S = 86_400


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def entries(client: Client, q: str = "") -> dict[str, str]:
    return {one.text: one["href"] for one in page_of(client.get(URL, {"q": q})).one(id="facet-time").all("a")}


def test_days_are_those_of_the_reader(viewer: Client, prod: Connection) -> None:
    since_midnight_s = (timezone.localtime() - timezone.localtime().replace(hour=0, minute=0, second=0)).seconds
    week_s = timezone.localdate().weekday() * DAY_S + since_midnight_s
    ages = {
        "today": since_midnight_s / 2,
        "yesterday": since_midnight_s + DAY_S / 2,
        "last week": week_s + 3 * DAY_S,
        "before": week_s + 10 * DAY_S,
    }
    runs = {name: made_run(prod, age_s=age_s, status="failed").upstream_id for name, age_s in ages.items()}
    found = {name: set(run_ids(page_of(viewer.get(URL + address)))) for name, address in entries(viewer).items()}
    assert runs["today"] in found["Today"]
    assert runs["yesterday"] not in found["Today"]
    assert runs["yesterday"] in found["Yesterday"]
    assert not found["Yesterday"] & {runs["today"], runs["before"]}
    assert runs["last week"] in found["Last week"]
    assert not found["Last week"] & {runs["today"], runs["before"]}
    assert found["Any time"] == set(runs.values())


def test_a_span_keeps_the_rest_of_the_filter(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    assert entries(viewer, "status:failed created:today")["Yesterday"] == "?q=status%3Afailed+created%3Ayesterday"
    button = page_of(viewer.get(URL, {"q": "created:yesterday"})).one("button", popovertarget="facet-time")
    assert button.text == "Created: Yesterday"


@pytest.mark.parametrize(
    ("first", "last", "clause"),
    [
        ("2026-11-20", "2026-11-27", "created:2026-11-20..2026-11-27"),
        ("2026-11-27", "2026-11-20", "created:2026-11-20..2026-11-27"),
        ("2026-11-20", "2026-11-20", "created:2026-11-20"),
        ("2026-11-20", "", "created:2026-11-20.."),
        ("", "2026-11-20", "created:..2026-11-20"),
    ],
)
def test_two_days_become_a_clause(viewer: Client, prod: Connection, first: str, last: str, clause: str) -> None:
    made_run(prod)
    form = page_of(viewer.get(URL, {"q": "status:failed created:today", "sort": "-cost"})).one("form", id="facet-time")
    hidden = {one["name"]: one["value"] for one in form.all("input", type="hidden")}
    answer = viewer.get(URL, {**hidden, "from": first, "to": last})
    assert answer.status_code == 302
    page = page_of(viewer.get(answer["Location"]))
    assert page.one("input", aria_label="Filter")["value"] == f"status:failed {clause}"
    assert "sort=-cost" in answer["Location"]
    again = page.one("form", id="facet-time")
    shown = tuple(again.one("input", name=name)["value"] for name in ("from", "to"))
    assert set(shown) == {first, last}


@pytest.mark.parametrize("day", ["", "x", "2026-13-40", "yesterday; --"])
def test_days_that_are_none_change_nothing(viewer: Client, prod: Connection, day: str) -> None:
    run = made_run(prod)
    assert run_ids(page_of(viewer.get(URL, {"from": day}))) == [run.upstream_id]
