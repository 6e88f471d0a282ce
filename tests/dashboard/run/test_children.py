"""Runs that a connected agent's call started: nested in the timeline, in the inbox under their parent, followed."""

from collections.abc import Callable

import pytest
from django.test import Client

from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import ChildRun, Connection, Run, Thread
from runsdash.sync.refresh import refresh_run
from runsdash.sync.worker import Worker
from tests.connected import wait_for
from tests.dashboard.conftest import path_of, still
from tests.pages import Element, page_of
from tests.people import HTMX
from tests.queries import at_most
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def agent_of(upstream: Sandbox, parent: dict) -> dict:
    """What the call of the parent's step says of the run that it started."""
    for _ in range(500):
        for step in upstream.steps(parent):
            for call in step["step_details"].get("tool_calls", []):
                return call["connected_agent"]
    raise AssertionError("the run has asked no agent")


@pytest.fixture
def family(connection: Connection, upstream: Sandbox, start: Callable[..., dict]) -> tuple[dict, dict]:
    """A run that has asked an agent, whose own run waits for an approval; neither has been read here."""
    parent = start("/agent approval Please let NW-44102 leave.")
    agent = agent_of(upstream, parent)
    child = {"thread_id": agent["thread_id"], "id": agent["run_id"]}
    return parent, wait_for(upstream, child, "requires_action")


def read(connection: Connection, run: dict) -> Run:
    return refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])


def timeline_of(client: Client, run: dict) -> Element:
    return page_of(client.get(path_of(run))).one(id="timeline")


def test_a_child_is_nested_once_it_is_read(family, connection, viewer):
    parent, child = family
    timeline = timeline_of(viewer, parent)
    row = timeline.one("tr", data_child_run_id=child["id"])
    assert "Not read yet" in row.text
    assert row.one("a")["href"] == f"{path_of(child)}?connection={connection.slug}"
    read(connection, child)
    viewer.get(path_of(child))
    timeline = timeline_of(viewer, parent)
    row = timeline.one("tr", data_child_run_id=child["id"])
    assert (row["data-status"], row.one("a")["href"]) == ("requires_action", path_of(child))
    assert "Needs an answer" in row.text
    (step,) = timeline.all("tr", class_="child")
    assert "update_customs_record" in step.text
    assert step.one("a")["href"].startswith(f"{path_of(child)}?step=step_")
    rows = timeline.one("tbody").all("tr")
    assert rows.index(row) == rows.index(timeline.all("tr", data_step_id=True)[0]) + 1


@pytest.mark.clock
def test_a_poll_of_the_parent_brings_what_the_child_does(family, connection, upstream, operator):
    parent, child = family
    read(connection, child)
    for run in family:
        operator.get(path_of(run))
    still()
    poll = page_of(operator.get(path_of(parent))).one(id="poll")
    asked = HTMX | {"HX-PTag": poll["hx-ptag"]}
    assert operator.get(poll["hx-get"], headers=asked).status_code == 304
    (call,) = child["required_action"]["submit_tool_approval"]["tool_calls"]
    answer = {"tool_approvals": [{"tool_call_id": call["id"], "approve": True}]}
    upstream.post(path_of(child, "submit_tool_outputs").rstrip("/"), answer)
    wait_for(upstream, child, "completed")
    Run.objects.filter(upstream_id=child["id"]).update(checked_at="2020-01-01T00:00:00Z")
    read(connection, child)
    assert operator.get(poll["hx-get"], headers=asked).status_code == 200
    row = timeline_of(operator, parent).one("tr", data_child_run_id=child["id"])
    assert row["data-status"] == "completed"


def test_the_child_names_its_parent_on_its_page_and_in_the_inbox(family, connection, operator):
    parent, child = family
    read(connection, parent)
    operator.get(path_of(parent))
    read(connection, child)
    said = page_of(operator.get(path_of(child))).one(data_parent_run=True)
    assert said.one("a")["href"] == path_of(parent)
    row = page_of(operator.get("/needs-action/")).one("tr", data_run_id=child["id"])
    assert row.one(data_parent_run=True).one("a")["href"] == path_of(parent)
    assert "NW-44102" in row.text


def test_workers_find_the_child_where_threads_cannot_be_listed(family, connection, upstream):
    parent, child = family
    upstream.quirk(no_thread_list=True)
    read(connection, parent)
    Worker(unlimited=True).run_until_idle(seconds=30)
    assert Run.objects.get(upstream_id=child["id"]).waits_for == "submit_tool_approval"


def test_a_purge_forgets_the_family(family, connection, viewer):
    parent, child = family
    viewer.get(path_of(parent))
    read(connection, child)
    thread = Thread.objects.get(upstream_id=parent["thread_id"])
    while not purge_some(thread, within_s=5):
        pass
    assert not ChildRun.objects.exists()
    assert not page_of(viewer.get(path_of(child))).all(data_parent_run=True)


def test_a_run_without_children_asks_for_none(connection, start, operator):
    run = start("/tool", until="requires_action")
    operator.get(path_of(run))
    still()
    with at_most(21) as statements:
        operator.get(path_of(run))
    assert not any("index_childrun" in one and "SELECT" in one and "step_key" in one for one in statements)
