"""Statements that are made once find what their querysets find."""

import functools
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from runsdash.index.models import Run
from runsdash.prepared import Prepared, first_of
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db


def by_id(upstream_id, before):
    rows = Run.objects.select_related("thread", "connection").annotate(size=F("body__size"))
    return rows.filter(upstream_id=upstream_id, created_at__lt=before).order_by("pk")


def test_rows_are_those_of_the_queryset():
    runs = [made_run(made_connection(slug), metadata={"a": "b"}) for slug in ("one", "two")]
    prepared, now = Prepared(by_id, str, type(timezone.now())), timezone.now()
    for run in runs:
        with at_most(1):
            (found,) = prepared.rows(run.upstream_id, now)
            related = (found.thread.upstream_id, found.connection.slug)
        (expected,) = by_id(run.upstream_id, now)
        assert found == expected
        assert (found._state.adding, found._state.db) == (False, expected._state.db)
        assert {name: getattr(found, name) for name in columns(run)} == {
            name: getattr(expected, name) for name in columns(run)
        }
        assert related == (expected.thread.upstream_id, expected.connection.slug)
        assert (found.size, found.metadata) == (expected.size, {"a": "b"})
    assert prepared.first(runs[0].upstream_id, now - timedelta(days=1)) is None


def test_as_many_are_prepared_as_are_asked_for():
    runs = made_runs(made_connection(), 3)
    newest = functools.partial(Run.objects.only("status").order_by, "-pk")
    for most in (2, 1):
        with at_most(1):
            found = first_of(newest, most).rows()
            assert [run.status for run in found] == ["completed"] * most
        assert found == runs[:most]
        assert found[0].upstream_id == runs[0].upstream_id  # read when it is asked for
        assert first_of(newest, most) is first_of(newest, most)


def columns(run):
    return [field.attname for field in run._meta.concrete_fields]


def test_a_value_that_is_not_a_parameter_is_refused():
    with pytest.raises(ValueError, match="not among the parameters"):
        Prepared(lambda name: Run.objects.filter(model=f"{name}!"), str).rows("gpt")
