"""Makes the sums of an index that was filled without them: `DATABASE_URL=… python -m benchmarks.summed_rows`.

Prints one JSON object: what it took to make every hour's sums, and what the badge of waiting runs takes. With the word
`zones` it makes the days of its readers' zones alone.
"""

import json
import sys
import time

import django

from benchmarks.measured import summary, times_ms

BADGES = 200


def sum_up() -> dict[str, object]:
    from django.db import connection

    from runsdash.index.models import Connection, Run
    from runsdash.index.totals.hour_spans import HOUR_KEYS
    from runsdash.index.totals.rollups import mark_dirty, roll_up

    with connection.cursor() as cursor:
        cursor.execute(THREAD_SUMS)
    first, last = (Run.objects.order_by(order).values_list("pk", flat=True).first() for order in ("pk", "-pk"))
    for pk in Connection.objects.values_list("pk", flat=True):
        mark_dirty(pk, range(first, last + HOUR_KEYS, HOUR_KEYS))
    began, hours, slowest_s = time.monotonic(), 0, 0.0
    while True:
        started = time.monotonic()
        if not roll_up(limit=1):
            break
        hours, slowest_s = hours + 1, max(slowest_s, time.monotonic() - started)
    return {
        "runs": Run.objects.count(),
        "hours": hours,
        "seconds": round(time.monotonic() - began, 1),
        "slowest hour ms": round(slowest_s * 1000, 1),
        "badge": badge(),
    }


THREAD_SUMS = """
UPDATE index_thread SET cost = sums.cost, total_tokens = sums.tokens, run_count = sums.runs, active_runs = 0,
  last_run_at = run.created_at, last_run_id = run.id, last_run_status = run.status
FROM (
  SELECT thread_id, SUM(cost) AS cost, SUM(total_tokens) AS tokens, MAX(id) AS last, COUNT(*) AS runs
  FROM index_run GROUP BY thread_id
) AS sums JOIN index_run run ON run.id = sums.last WHERE sums.thread_id = index_thread.id
"""


def days_of_zones() -> dict[str, object]:
    from runsdash.index.totals.zone_days import make_zone_days

    began, days = time.monotonic(), 0
    while made := make_zone_days():
        days += made
    return {"days": days, "seconds": round(time.monotonic() - began, 1)}


def badge() -> dict[str, float]:
    """With a few hundred runs that wait."""
    from datetime import timedelta

    from django.utils import timezone

    from runsdash.index.models import Run
    from runsdash.index.totals import right_now

    waiting = list(Run.objects.order_by("-pk").values_list("pk", flat=True)[:300])
    soon = timezone.now() + timedelta(minutes=9)
    Run.objects.filter(pk__in=waiting).update(status="requires_action", expires_at=soon)
    found = summary(times_ms([lambda: right_now.waiting_count(None)] * BADGES))
    Run.objects.filter(pk__in=waiting).update(status="completed")
    return found


if __name__ == "__main__":
    django.setup()
    print(json.dumps(sum_up() if "zones" not in sys.argv else days_of_zones()))
