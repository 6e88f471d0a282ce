"""Kept walks through messages, runs and steps, over servers that page in all wrong ways at once."""

from concurrent.futures import Future
from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from runsdash.index.keeping.archive import meter_of
from runsdash.index.models import Message, Run, RunStep, Thread
from runsdash.index.walks import rests
from runsdash.service import objects
from runsdash.sync.archiving import store_older_messages
from runsdash.sync.parallel_reads import Reads
from runsdash.sync.store_answers import store_messages, store_runs, store_steps
from tests.rows import made_connection, made_run
from tests.wrong_pages import SECONDS, Server, Ways, all_ways

pytestmark = pytest.mark.django_db
numbers = count()
QUICK = (Phase.explicit, Phase.generate)  # what fails is made smaller by the long form


def reads(name: str, page: objects.Page) -> Reads:
    future: Future = Future()
    future.set_result(page)
    return Reads({name: future})


class ListOfOwner:
    """One list of a thread or run: what the server gives, and how its pages are stored."""

    def __init__(self, seconds: list[int], ways: Ways, limit: int) -> None:
        self.run = made_run(made_connection(f"c{next(numbers)}"), age_s=100_000)
        Run.objects.update(status_since=timezone.now() - timedelta(hours=1))
        self.connection, self.thread, self.limit = self.run.connection, self.run.thread, limit
        self.server = Server(seconds, ways, fields={"thread_id": self.thread.upstream_id, "status": "completed"})

    def page(self, cls: type, *, after: str = "", order: str = "desc") -> objects.Page:
        raw = self.server.page(after=after or None, limit=self.limit, order=order)
        return objects.Page.from_raw(raw, item_from_raw=cls.from_raw, limit=self.limit)

    def walk_messages(self) -> tuple[Thread, list[str]]:
        store_messages(self.thread, reads("messages", self.page(objects.Message)))
        while (thread := Thread.objects.get(pk=self.thread.pk)).messages_cursor and not thread.has_all_messages:
            after = thread.messages_cursor
            store_older_messages(thread, reads("older", self.page(objects.Message, after=after)), after=after)
        rows = Message.objects.filter(thread=thread).order_by("position")
        return thread, list(rows.values_list("upstream_id", flat=True))

    def walk_runs(self) -> tuple[Thread, list[str]]:
        store_runs(self.connection, self.thread, reads("runs", self.page(objects.Run)))
        while (thread := Thread.objects.get(pk=self.thread.pk)).runs_cursor and not thread.has_all_runs:
            older = self.page(objects.Run, after=thread.runs_cursor)
            store_runs(self.connection, thread, reads("older_runs", older))
        rows = Run.objects.filter(thread=thread).exclude(pk=self.run.pk).order_by("created_at", "upstream_id")
        return thread, list(rows.values_list("upstream_id", flat=True))

    def walk_steps(self) -> tuple[Run, list[str]]:
        while not (run := Run.objects.get(pk=self.run.pk)).has_all_steps and not rests(run, "steps"):
            store_steps(run, reads("steps", self.page(objects.RunStep, after=run.steps_cursor, order="asc")))
        return run, list(RunStep.objects.filter(run=run).order_by("position").values_list("upstream_id", flat=True))


def check(name: str, seconds: list[int], ways: Ways, limit: int) -> None:
    kept = ListOfOwner(seconds, ways, limit)
    before = kept.server.ids
    kept.server.most = 2 * (len(before) + sum(ways.grows)) + 3
    owner, found = getattr(kept, f"walk_{name}")()
    is_whole = getattr(owner, f"has_all_{name}")
    assert sorted(found) == sorted(set(kept.server.given))
    assert is_whole or rests(owner, name)
    if ways.after != "ignored" and not ways.loses_ties and not ways.repeats and not ways.old_ties_first:
        assert found == sorted(found)
    if is_whole and not ways.hides_its_end:
        assert set(before) <= set(found)
    if not is_whole:
        assert not meter_of(kept.thread).is_complete


@pytest.mark.long
@settings(max_examples=30, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=SECONDS, old_ties_first=st.booleans(), limit=st.integers(1, 8))
@example(seconds=[1, 1, 4, 4, 4, 4, 5, 6], old_ties_first=True, limit=3)  # the page lacks three in its middle
def test_a_newest_page_is_put_in_the_order_of_an_ascending_one(db, seconds, old_ties_first, limit):
    kept = ListOfOwner(seconds, Ways(old_ties_first=old_ties_first), 100)
    kept.server.items = [(f"item_{at * 7 % 100:02}", second) for at, (_, second) in enumerate(kept.server.items)]
    both = reads("own_messages", kept.page(objects.Message, order="asc"))
    steps = kept.page(objects.RunStep, order="asc")
    kept.limit = limit
    both.futures |= reads("messages", kept.page(objects.Message)).futures
    store_messages(kept.thread, both)
    store_steps(kept.run, reads("steps", steps))
    for _ in range(2):
        store_steps(kept.run, reads("newest_steps", kept.page(objects.RunStep)))
    for rows in (Message.objects.filter(thread=kept.thread), RunStep.objects.filter(run=kept.run)):
        assert list(rows.order_by("position").values_list("upstream_id", flat=True)) == kept.server.ids


LISTS = st.sampled_from(["messages", "runs", "steps"])
LIMITS = st.integers(2, 5)


@pytest.mark.long
@settings(max_examples=40, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=LISTS, seconds=SECONDS, ways=all_ways(), limit=LIMITS)
def test_a_kept_walk_ends_and_calls_nothing_complete_that_may_not_be(db, name, seconds, ways, limit):
    check(name, seconds, ways, limit)


@pytest.mark.long
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=LISTS, seconds=SECONDS, ways=all_ways(), limit=LIMITS)
def test_any_kept_walk_ends_and_loses_nothing(db, name, seconds, ways, limit):
    check(name, seconds, ways, limit)
