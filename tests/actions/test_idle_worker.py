"""A worker that finds nothing to do: one statement on an index for each kind of work."""

import pytest
from django.db import connection

from runsdash.actions.batch.working import work_some
from runsdash.notify.conditions import look_at_rules
from runsdash.notify.delivery_loop import deliver_due
from runsdash.sync.jobs import import_jobs, thread_jobs  # noqa: F401  they register their kinds
from runsdash.sync.jobs.jobs import claim_job
from tests.queries import at_most

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("look", "count"), [(claim_job, 1), (work_some, 1), (look_at_rules, 1), (deliver_due, 3)]
)  # rules, status changes, then deliveries
def test_a_look_that_finds_nothing_asks_once_for_each_kind_by_an_index(look, count):
    with at_most(count) as statements:
        assert not look()

    assert len(statements) == count
    if connection.vendor == "sqlite":  # whose plans do not depend on what is in the tables
        with connection.cursor() as cursor:
            plan = [row[-1] for one in statements for row in cursor.execute(f"EXPLAIN QUERY PLAN {one}").fetchall()]
        reads = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
        assert [step for step in reads if " USING " not in step] == ["SCAN notify_rule"] * (look is deliver_due), plan
