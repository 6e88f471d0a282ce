"""Collects the numbers of /metrics at each scrape: what the index holds now, and what all processes have counted.

Cheap queries only, however much was counted.
"""

from collections.abc import Iterator
from itertools import accumulate

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from runsdash.index import run_states
from runsdash.index.models import Connection, Run
from runsdash.index.storage.measures import read_measures, write_measures
from runsdash.measures import ABOVE, COUNTED, SUM, MeasureKind
from runsdash.notify.models import Delivery, DeliveryState
from runsdash.sync.connection_health import connection_health

from . import policy_reports

CONTENT_TYPE = CONTENT_TYPE_LATEST


class IndexCollector:
    """Collects gauges of the index, for a Prometheus registry."""

    def collect(self) -> Iterator[Metric]:
        yield from active_runs()
        yield from connection_moments()
        yield from connection_states()
        words = "Reports of broken rules of the Content-Security-Policy that were taken."
        yield CounterMetricFamily("runsdash_policy_reports", words, value=policy_reports.counted())
        yield from deliveries()
        yield from counted()


def active_runs() -> Iterator[Metric]:
    """Counts active runs by status, and tells the age of the oldest."""
    by_status = {
        row["status"]: row
        for row in Run.objects.active().values("status").annotate(count=Count("id"), oldest=Min("created_at"))
    }
    count = GaugeMetricFamily("runsdash_active_runs", "Runs that have not ended, as last seen.", labels=["status"])
    for status in run_states.ACTIVE:
        count.add_metric([status], by_status[status]["count"] if status in by_status else 0)
    yield count
    oldest = min((row["oldest"] for row in by_status.values()), default=None)
    age_s = (timezone.now() - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily("runsdash_oldest_active_run_seconds", "Age of the oldest active run.", value=age_s)


def connection_moments() -> Iterator[Metric]:
    """Tells when each upstream last answered and failed, and a worker went round, as Unix time; 0 for never."""
    words = {
        "last_success_at": "last_success",
        "last_failure_at": "last_failure",
        "worker_seen_at": "worker_seen",
    }
    rows = list(Connection.objects.values("slug", *words))
    for column, name in words.items():
        gauge = GaugeMetricFamily(
            f"runsdash_connection_{name}_timestamp_seconds", f"Unix time of the {name}.", labels=["connection"]
        )
        for row in rows:
            gauge.add_metric([row["slug"]], row[column].timestamp() if row[column] else 0)
        yield gauge


STATES = {
    "requests_last_minute": ("used", "Requests counted against the budget in the last minute."),
    "budget_per_minute": ("budget_per_min", "Requests a minute that the connection allows."),
    "active_runs": ("active_runs", "Runs of the connection that have not ended."),
    "due_threads": ("due_threads", "Threads that wait to be looked at, counted up to 10,000."),
    "lag_seconds": ("lag_s", "Age of the oldest overdue check; 0 when none is."),
    "paused": ("is_paused", "1 while the upstream has asked to wait or workers rest after its failures."),
}


def connection_states() -> Iterator[Metric]:
    """Tells what the worker has to do for each connection, and how far it is behind."""
    states = {one.slug: connection_health(one) for one in Connection.objects.all()}
    for name, (attribute, words) in STATES.items():
        gauge = GaugeMetricFamily(f"runsdash_connection_{name}", words, labels=["connection"])
        for slug, state in states.items():
            gauge.add_metric([slug], float(getattr(state, attribute)))
        yield gauge


def deliveries() -> Iterator[Metric]:
    """Tells how many notifications are late, and by how much."""
    due = Delivery.objects.filter(state=DeliveryState.DUE, due_at__lte=timezone.now())
    late = due.aggregate(count=Count("id"), oldest=Min("due_at"))
    yield GaugeMetricFamily("runsdash_deliveries_due", "Notifications that should be sent by now.", value=late["count"])
    late_s = (timezone.now() - late["oldest"]).total_seconds() if late["oldest"] else 0
    yield GaugeMetricFamily("runsdash_delivery_lag_seconds", "How late the oldest of them is.", value=late_s)


def counted() -> Iterator[Metric]:
    """Tells the sums of all processes; those of this one are added first."""
    write_measures()
    for name, sums in read_measures().items():
        about = COUNTED[name]
        if about.buckets:
            yield histogram(name, about, sums)
            continue
        counter = CounterMetricFamily(name, about.words, labels=about.labels)
        for labels, amount in sums.items() or ([((), 0.0)] if not about.labels else []):
            counter.add_metric(labels, amount)
        yield counter


def histogram(name: str, about: MeasureKind, sums: dict[tuple[str, ...], float]) -> Metric:
    """Adds up the buckets: each counts what the smaller ones do, too."""
    family = HistogramMetricFamily(name, about.words, labels=about.labels)
    for labels in sorted({key[:-1] for key in sums}):
        bounds = [*(f"{bound:g}" for bound in about.buckets), ABOVE]
        upto = accumulate(sums.get((*labels, bound), 0.0) for bound in bounds)
        buckets = list(zip(bounds, upto, strict=True))
        family.add_metric(labels, buckets=buckets, sum_value=sums.get((*labels, SUM), 0.0))
    return family


REGISTRY = CollectorRegistry(auto_describe=False)
REGISTRY.register(IndexCollector())


def exposition() -> bytes:
    return generate_latest(REGISTRY)
