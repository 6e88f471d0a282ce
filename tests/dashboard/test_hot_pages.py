"""What each hot page and its poll cost once they are warm: statements, renders and reads of the upstream, in one table."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.test import Client

from runsdash.index.models import Connection, Run, Thread
from runsdash.index.totals.rollups import mark_dirty
from tests.dashboard.conftest import LATER, path_of, still
from tests.pages import page_of
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import roll_all_up
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


class Cost(NamedTuple):
    """The most that a look may take; it reads nothing of the upstream while copies are fresh."""

    statements: int
    renders: int


HOT = {  # a look, and a poll without news where the page polls
    "list": (Cost(6, 12), Cost(5, 0)),
    "completed run": (Cost(8, 43), Cost(5, 0)),
    "waiting run": (Cost(20, 55), Cost(5, 0)),
    "thread": (Cost(8, 17), None),
    "overview": (Cost(6, 7), Cost(5, 0)),
    "inbox": (Cost(8, 13), Cost(5, 0)),
}


@pytest.fixture
def paths(start: Callable[..., dict], connection: Connection, operator: Client) -> dict[str, str]:
    """The addresses of the pages, each looked at before, with a run that waits and one that has ended."""
    completed, waits = start("Hello", until="completed"), start("/tool", until="requires_action")
    found = {
        "list": "/runs/", "completed run": path_of(completed), "waiting run": path_of(waits),
        "thread": f"/threads/{completed['thread_id']}/", "overview": "/", "inbox": "/needs-action/",
    }  # fmt: skip
    for path in found.values():
        page_of(operator.get(path))
    still()
    Thread.objects.update(checked_at=LATER)
    roll_all_up()
    for path in found.values():
        page_of(operator.get(path))
    return found


@pytest.mark.clock  # a poll that comes late reads the upstream
@pytest.mark.usefixtures("one_minute")
def test_a_look_and_a_poll_without_news_cost_no_more(
    paths: dict[str, str], operator: Client, upstream: Sandbox
) -> None:
    upstream.clear_requests()
    for name, (look, poll) in HOT.items():
        with at_most(look.statements), renders_at_most(look.renders):
            page = page_of(operator.get(paths[name]))
        asked = page.one(id="poll")
        if asked.get("hx-get"):
            assert poll, name
            headers = {"HX-Request": "true", "HX-PTag": asked["hx-ptag"]}
            with at_most(poll.statements), renders_at_most(poll.renders):
                assert operator.get(asked["hx-get"], headers=headers).status_code == 304, name
    assert upstream.requests() == []


FIRST_LOOK = Cost(26, 36)  # sums are read again, and all that is made of them is made anew


def test_a_first_look_at_the_overview_after_a_change_costs_no_more(paths: dict[str, str], operator: Client) -> None:
    for run in Run.objects.all():
        mark_dirty(run.connection_id, [run.pk])
    with at_most(FIRST_LOOK.statements), renders_at_most(FIRST_LOOK.renders):
        page_of(operator.get(paths["overview"]))
