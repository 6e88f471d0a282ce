"""Which foreign keys the database checks, and that nothing is left behind where it checks none (decision 10)."""

import io
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.db import connection as database
from django.db.models import ForeignKey

from benchmarks.generate import Past
from runsdash.index.importing.blocks import ImportSource
from runsdash.index.importing.run_import import import_sources
from runsdash.index.importing.target import archive
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import ChildRun, Run, RunStep, Thread

AGE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def loose_keys() -> list[ForeignKey]:
    fields = [field for model in apps.get_app_config("index").get_models() for field in model._meta.concrete_fields]
    return [field for field in fields if isinstance(field, ForeignKey) and not field.db_constraint]


def orphans() -> dict[str, int]:
    """How many rows of each table refer to nothing."""
    found = {}
    for field in loose_keys():
        owners = field.related_model.objects.values("pk")
        found[str(field)] = field.model.objects.exclude(**{f"{field.attname}__in": owners}).count()
    return found


def loaded() -> None:
    content = "".join(Past(runs=60, until=int(AGE.timestamp())).threads()).encode()
    import_sources(archive(), [ImportSource("file", io.BytesIO(content), AGE)], processes=0)
    ChildRun.objects.bulk_create(
        ChildRun(connection=archive(), upstream_id=f"child_{key}", parent_id=key, step_key=0)
        for key in Run.objects.values_list("pk", flat=True)
    )


@pytest.mark.django_db
def test_a_purge_leaves_nothing_behind_that_no_key_guards() -> None:
    loaded()
    assert len(loose_keys()) == 12
    assert set(orphans().values()) == {0}
    steps, children = RunStep.objects.count(), ChildRun.objects.count()
    for thread in Thread.objects.all()[:5]:
        assert purge_some(thread, within_s=10)
    assert 0 < RunStep.objects.count() < steps
    assert 0 < ChildRun.objects.count() < children
    assert set(orphans().values()) == {0}


@pytest.mark.django_db(transaction=True)
def test_rows_left_behind_are_seen() -> None:
    """The look itself: without the runs all that hangs on them hangs in the air."""
    loaded()
    with database.constraint_checks_disabled():
        RunStep.objects.all()._raw_delete(database.alias)
        assert orphans()["index.StepBody.step"] > 0


@pytest.mark.django_db
def test_postgresql_checks_what_holds_a_run_together() -> None:
    if database.vendor != "postgresql":
        pytest.skip("SQLite keeps the keys that its tables were made with")
    kept = {"index_run": 2, "index_runstep": 1, "index_message": 1, "index_runbody": 0, "index_stepbody": 0}
    with database.cursor() as cursor:
        for table, count in kept.items():
            found = database.introspection.get_constraints(cursor, table).values()
            assert sum(bool(one["foreign_key"]) for one in found) == count, table


@pytest.mark.django_db(transaction=True)
def test_keys_are_checked_again_after_an_import() -> None:
    loaded()
    assert Run.objects.exists()
    if database.vendor == "sqlite":
        with database.cursor() as cursor:
            assert cursor.execute("PRAGMA foreign_keys").fetchone() == (1,)
