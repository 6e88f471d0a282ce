"""Says how long the runs of a filter have been waiting for people. Counts nothing else."""

from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Run

from .index_ranges import bounds
from .predicates import query_of_runs
from .run_filter import RunFilter
from .sql_pieces import Sql, fetched, joined


def longest_wait_s(run_filter: RunFilter) -> float:
    """Returns for how many seconds the run of the filter that waits longest has done so; 0 when none waits."""
    now, run_query = timezone.now(), query_of_runs(run_filter)
    by_status = Sql("r.status = %s", (run_states.WAITING,))
    where = joined([by_status, Sql(*run_states.waiting_sql(now)), *bounds("r.id", run_query.key_range)])
    where = joined([where, *run_query.tests(but=())])
    first = "SELECT r.id FROM index_run r WHERE {} ORDER BY COALESCE(r.status_since, r.created_at), r.id LIMIT 1"
    run = Run.objects.filter(pk__in=[key for (key,) in fetched(Sql(first.format(where.text), where.params))]).first()
    return (now - (run.status_since or run.created_at)).total_seconds() if run else 0.0
