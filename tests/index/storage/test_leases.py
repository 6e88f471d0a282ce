"""Leases: a row is one worker's until its time is up, and nobody waits for another who is claiming."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from runsdash.index.models import Job
from runsdash.index.storage.leases import claim

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


def claimed() -> Job | None:
    return claim(Job.objects.filter(state="waiting").order_by("id"), hold=lambda _: MINUTE, lease_token="mine")


def test_the_first_row_that_nobody_holds_is_taken():
    Job.objects.create(kind="one", lease_until=timezone.now() + MINUTE)
    lapsed = Job.objects.create(kind="two", lease_until=timezone.now() - MINUTE)
    never_held = Job.objects.create(kind="three")

    assert [row and row.pk for row in (claimed(), claimed(), claimed())] == [lapsed.pk, never_held.pk, None]
    assert set(Job.objects.values_list("kind", "lease_token")) == {("one", ""), ("two", "mine"), ("three", "mine")}


def test_the_row_that_is_given_is_as_it_was_written():
    Job.objects.create(kind="one")

    row = claimed()

    stored = Job.objects.get()
    assert (row.lease_until, row.lease_token) == (stored.lease_until, "mine")
    assert row.lease_until > timezone.now() + MINUTE / 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_row_that_another_is_claiming_is_passed_over():
    first, second = Job.objects.create(kind="one"), Job.objects.create(kind="two")

    with held_elsewhere(first):
        assert claimed().pk == second.pk


@contextmanager
def held_elsewhere(job: Job) -> Iterator[None]:
    """Locks the row in a transaction of another connection."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Job.objects.select_for_update().get(pk=job.pk)
            is_held.set()
            may_end.wait(20)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(10)
        yield
    finally:
        may_end.set()
        thread.join(10)
