"""The inbox's poll: what it costs when it brings nothing, and that it brings whatever the page would show otherwise."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.accounts.models import Team, TeamConnection, User
from runsdash.actions.outputs.claims import LAPSES_AFTER, claim
from runsdash.actions.outputs.drafts import discard_drafts, save_drafts
from runsdash.actions.outputs.outputs import Claim
from runsdash.index.models import Assistant, ChildRun, Connection, Run, Thread, ThreadMetadata
from runsdash.service.statuses import RunStatus
from tests.dashboard.conftest import LATER
from tests.pages import parsed, partials_of
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import kept_for_the_module, made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db
URL = "/needs-action/"
SESSION_AND_USER, OWN = 2, 3
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Run]:
    """It waits, the other is past its deadline, and a third has ended; somebody else answers it, and has a draft."""
    with kept_for_the_module(django_db_blocker):
        prod = made_connection(last_success_at=LATER, worker_seen_at=LATER, customer_key="customer")
        ended = made_run(prod, age_s=100)
        made_run(prod, status="requires_action", age_s=700)
        found = made_run(prod, status="requires_action")
        ThreadMetadata.objects.create(thread=found.thread, key="customer", value="Acme")
        Assistant.objects.create(connection=prod, upstream_id=found.assistant_id, name="Bot", fetched_at=timezone.now())
        parent = {"parent": ended, "step_key": 1, "thread_upstream_id": found.thread.upstream_id}
        ChildRun.objects.create(connection=prod, upstream_id=found.upstream_id, **parent)
        claim(user=other(), run=found)
        save_drafts(user=other(), run=found, texts={"call_0_get_stock": "7"})
        Run.objects.update(checked_at=LATER)
        yield found


@pytest.fixture
def run(kept: Run, db: None) -> Run:
    Claim.objects.update(seen_at=timezone.now())  # it would lapse while a crowded machine runs the tests before
    return kept


def other() -> User:
    return User.objects.get_or_create(username="bea", defaults={"role": "operator"})[0]


def poll_of(client: Client, path: str = URL) -> Callable[[], HttpResponse]:
    poll = parsed(client.get(path)).one(id="poll")
    headers = {"HX-Request": "true", "HX-PTag": poll["hx-ptag"]}
    return lambda: client.get(poll["hx-get"], headers=headers)


def test_a_poll_that_brings_nothing_costs_three_statements_and_makes_no_row(run: Run, operator: Client) -> None:
    made_runs(run.connection, 20, status="requires_action")
    Run.objects.update(checked_at=LATER)
    ask = poll_of(operator)
    with at_most(SESSION_AND_USER + OWN), renders_at_most(0):
        assert ask().status_code == 304


def test_neither_does_the_one_of_missed_runs(run: Run, operator: Client) -> None:
    change(run, status=RunStatus.EXPIRED, waits_for="")
    ask = poll_of(operator, f"{URL}?tab=missed")
    with at_most(SESSION_AND_USER + OWN - 1), renders_at_most(0):
        assert ask().status_code == 304


def change(run: Run, **columns: object) -> None:
    Run.objects.filter(pk=run.pk).update(**columns)


def change_server(**columns: object) -> None:
    Connection.objects.update(**columns)


def belongs_to_a_team(run: Run) -> None:
    TeamConnection.objects.create(team=Team.objects.create(name="Support"), connection=run.connection)


MINUTE = timedelta(minutes=1)
CHANGES: dict[str, Callable[[Run], object]] = {
    "another run waits": lambda run: made_run(run.connection, status="requires_action"),
    "another is past its deadline": lambda run: made_run(run.connection, status="requires_action", age_s=800),
    "it was answered": lambda run: change(run, status=RunStatus.IN_PROGRESS, waits_for=""),
    "its deadline is over": lambda run: change(run, expires_at=timezone.now() - SECOND),
    "its deadline is near": lambda run: change(run, expires_at=timezone.now() + MINUTE),
    "it has no deadline": lambda run: change(run, expires_at=None),
    "it waits for other calls": lambda run: change(
        run, pending_calls=waiting_for("book_pickup")["submit_tool_outputs"]["tool_calls"]
    ),
    "it wants an approval": lambda run: change(run, waits_for="submit_tool_approval"),
    "its question": lambda run: change(run, question="Where is it?"),
    "the upstream does not know it": lambda run: change(run, trouble={"status": 404}),
    "its thread is gone": lambda run: Thread.objects.filter(pk=run.thread_id).update(is_gone=True),
    "its customer": lambda run: ThreadMetadata.objects.update(value="Zenith"),
    "the key that names customers": lambda run: change_server(customer_key="tenant"),
    "the assistant's name": lambda run: Assistant.objects.update(name="Stock bot"),
    "its assistant": lambda run: change(run, assistant_id="asst_2"),
    "the question of the run it was started by": lambda run: Run.objects.filter(question="").update(question="Why?"),
    "it was started by no run": lambda run: ChildRun.objects.all().delete(),
    "somebody else claims it": lambda run: claim(user=User.objects.create_user("cleo"), run=run),
    "a claim lapses": lambda run: Claim.objects.update(seen_at=timezone.now() - LAPSES_AFTER),
    "a claim is given back": lambda run: Claim.objects.all().delete(),
    "somebody else types": lambda run: save_drafts(
        user=User.objects.create_user("cleo"), run=run, texts={"call_0_get_stock": "8"}
    ),
    "a draft goes": lambda run: discard_drafts(user=other(), run=run),
    "somebody has another name": lambda run: User.objects.filter(username="bea").update(username="beate"),
    "its copy is purged": lambda run: Run.objects.filter(pk=run.pk).delete(),
    "the worker is silent": lambda run: change_server(worker_seen_at=timezone.now() - MINUTE),
    "no answer": lambda run: change_server(
        last_success_at=timezone.now() - MINUTE, last_failure_at=timezone.now(), last_failure={}, failures=3
    ),
    "asked to wait": lambda run: change_server(
        last_success_at=timezone.now() - MINUTE, paused_until=timezone.now() + MINUTE
    ),
    "the connection has another name": lambda run: change_server(slug="live"),
    "the server cannot cancel": lambda run: change_server(
        capabilities={"cancel_run": {"works": False, "status": 405, "at": timezone.now().isoformat()}}
    ),
    "the connection is a team's": belongs_to_a_team,
    "the reader may only look": lambda run: User.objects.filter(username="operator").update(role="viewer"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_the_inbox_would_show_otherwise_makes_its_poll_bring_the_rows(
    what: str, run: Run, operator: Client
) -> None:
    ask = poll_of(operator)
    assert ask().status_code == 304
    CHANGES[what](run)
    answer = ask()
    assert answer.status_code == 200
    assert {"#inbox", "#inbox-late"} <= set(partials_of(answer))


def test_a_look_at_a_copy_that_finds_nothing_new_brings_nothing(run: Run, operator: Client) -> None:
    ask = poll_of(operator)
    Run.objects.update(checked_at="2999-01-02T00:00:00Z", fetched_at="2999-01-02T00:00:00Z")
    assert ask().status_code == 304


def test_it_counts_beyond_the_rows_that_it_shows(run: Run, operator: Client) -> None:
    made_runs(run.connection, 100, status="requires_action", age_s=-10_000)
    Run.objects.update(checked_at=LATER)
    ask = poll_of(operator)
    assert ask().status_code == 304
    made_run(run.connection, status="requires_action", age_s=-20_000)
    assert partials_of(ask())["#inbox"].one("h2").text.startswith("102 ")


@pytest.mark.parametrize("what", ["another", "purged", "calls"])
def test_the_poll_of_missed_runs_brings_what_changes(what: str, run: Run, operator: Client) -> None:
    change(run, status=RunStatus.EXPIRED, waits_for="")
    ask = poll_of(operator, f"{URL}?tab=missed")
    assert ask().status_code == 304
    if what == "another":
        Run.objects.filter(status=RunStatus.REQUIRES_ACTION).update(status=RunStatus.EXPIRED)
    elif what == "purged":
        Run.objects.filter(pk=run.pk).delete()
    else:
        change(run, pending_calls=waiting_for("book_pickup")["submit_tool_outputs"]["tool_calls"])
    assert set(partials_of(ask())) >= {"#inbox-missed"}


@pytest.mark.parametrize("rows", ["9999999999999999999", "1.2.x", "." * 300, "-1"])
def test_keys_in_an_address_that_are_none_are_left_out(rows: str, run: Run, operator: Client) -> None:
    for page in (URL, "/runs/"):
        assert operator.get(f"{page}live/", {"rows": rows}).status_code == 200
