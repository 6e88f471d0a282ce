"""Functions on the overview: what expired runs waited for, and how calls are answered."""

from datetime import timedelta

import pytest
from django.test import Client

from runsdash.audit.trail import record_intent, record_outcome
from runsdash.index.models import Run, RunStep
from runsdash.index.totals.rollups import mark_dirty
from tests.dashboard.overview.test_overview import URL, WORKS, figure, found_by
from tests.pages import page_of
from tests.rows import made_connection, made_runs, waiting_for

pytestmark = pytest.mark.django_db


def test_expired_runs_say_what_they_waited_for(viewer: Client, db: None) -> None:
    prod = made_connection(**WORKS)
    for name, count in (("pay_claim", 3), ("read_logger", 1)):
        made_runs(prod, count, status="requires_action", required_action=waiting_for(name), age_s=700)
    Run.objects.filter(status="requires_action").update(status="expired")
    mark_dirty(prod.pk, Run.objects.values_list("pk", flat=True))
    page = page_of(viewer.get(URL))
    links = page.one("section", id="causes").all("a", data_figure="waited-for")
    assert [one.text for one in links] == ["pay_claim 3", "read_logger 1"]
    assert [found_by(one["href"]) for one in links] == [3, 1]


def test_how_functions_are_answered(viewer: Client, db: None) -> None:
    prod = made_connection(**WORKS)
    runs = made_runs(prod, 3, age_s=3000)
    for number, run in enumerate(runs):
        created_at = run.created_at
        RunStep.objects.create(
            connection=prod, upstream_id=f"step_{number}", run=run, position=1, type="tool_calls", kind="function",
            status="expired" if number == 2 else "completed", created_at=created_at, fetched_at=created_at,
            ended_at=None if number == 0 else created_at + timedelta(seconds=40),
            calls=[{"id": f"call_{number}", "kind": "function", "name": "pay_claim"}],
        )  # fmt: skip
    Run.objects.update(tool_call_count=1)
    given = {"action": "submit_tool_outputs", "actor": "ada", "run_id": runs[0].upstream_id, "connection_slug": "prod"}
    record_outcome(record_intent(**given), result="done")
    (row,) = page_of(viewer.get(URL, {"group": "function"})).one("section", id="functions").one("tbody").all("tr")
    cells = [cell.text for cell in row.all("td")]
    assert (row.one("th").text, cells[0], cells[3]) == ("pay_claim", "2", "1")
    assert cells[1] == "ada 1, other code 1"
    assert cells[2].startswith("40 s, p95 5")  # ada took as long as the run is old
    assert figure(page_of(viewer.get(URL)), "runs")["data-runs"] == "3"
