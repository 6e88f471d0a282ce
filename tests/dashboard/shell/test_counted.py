"""What all processes count, and what /metrics makes of it; alerts name only numbers that are there."""

import re
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection as database

from runsdash import measures
from runsdash.index.models import MeasuredSum
from runsdash.index.storage.measures import read_measures, write_measures
from runsdash.index.storage.slow_statements import StatementWatch
from runsdash.measures import COUNTED
from runsdash.notify.delivery_loop import store_result
from runsdash.notify.models import Rule, add_deliveries
from runsdash.service import OPERATIONS
from runsdash.sync.refresh import refresh_run
from tests.dashboard.shell.test_health import numbers
from tests.rows import made_connection
from tests.served import cookie_of, served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_counted():
    measures.taken()
    yield
    measures.taken()


def test_requests_to_an_upstream_by_operation_and_outcome(client, connection, upstream, start):
    run = start("hello", until="completed")
    upstream.fault("GET /threads", "429")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    found = numbers(client)
    of_run = f'connection="{connection.slug}",operation="retrieve_run"'
    assert found[f'runsdash_upstream_attempts_total{{{of_run},outcome="ok"}}'] >= 1
    throttled = [one for name, one in found.items() if "attempts_total" in name and 'outcome="throttled"' in name]
    assert throttled == [1]
    assert found[f"runsdash_upstream_attempt_seconds_count{{{of_run}}}"] >= 1
    assert found[f"runsdash_upstream_attempt_seconds_sum{{{of_run}}}"] > 0


def test_an_upstream_that_is_not_there_is_silent(client, operator):
    gone = made_connection(base_url="http://127.0.0.1:9/v1", budget_per_min=0)
    operator.get(f"/threads/thread_1/runs/run_1/?connection={gone.slug}")
    silent = [one for name, one in numbers(client).items() if 'outcome="silent"' in name]
    assert sum(silent) >= 1


def test_sign_ins_good_and_bad(client, viewer):
    client.post("/accounts/login/", {"login": "nobody", "password": "wrong"})
    found = numbers(client)
    assert found['runsdash_audited_actions_total{action="sign_in",result="refused"}'] == 1


def test_deliveries_that_wait_and_what_became_of_them(client):
    rule = Rule.objects.create(name="r", event=Rule.Event.FAILURE, webhook_url="http://x.example/", created_by="a")
    add_deliveries(rule, key="run:1", body={"sentence": "it failed"})
    found = numbers(client)
    assert found["runsdash_deliveries_due"] == 1
    assert found["runsdash_delivery_lag_seconds"] >= 0
    store_result(rule.deliveries.get(), is_taken=False, answer="answered 500")
    found = numbers(client)
    assert found["runsdash_deliveries_due"] == 0
    assert found['runsdash_delivery_attempts_total{channel="webhook",outcome="put_off"}'] == 1


def test_slow_statements_are_counted_and_logged_without_values(client, caplog):
    assert any(isinstance(one, StatementWatch) for one in database.execute_wrappers)
    with database.execute_wrapper(StatementWatch(slow_s=0)), database.cursor() as cursor:
        cursor.execute("SELECT %s", ["a customer's word"])
    assert numbers(client)["runsdash_slow_statements_total"] == 1
    (line,) = [one.getMessage() for one in caplog.records if "a statement took" in one.getMessage()]
    assert line.endswith("SELECT %s")


def test_processes_add_to_the_same_rows(client):
    def another_process():
        measures.count("runsdash_slow_statements_total")
        write_measures()
        database.close()

    for _ in range(3):
        thread = threading.Thread(target=another_process)
        thread.start()
        thread.join()
    assert MeasuredSum.objects.get().amount == 3
    assert numbers(client)["runsdash_slow_statements_total"] == 3


@pytest.mark.long
@pytest.mark.clock
def test_what_serving_processes_count_is_written_at_their_end_at_the_latest(viewer):
    gone = made_connection(base_url="http://127.0.0.1:9/v1", budget_per_min=0)
    path = f"/threads/thread_1/runs/run_1/?connection={gone.slug}"
    with served() as site:
        assert b"502" in site.bytes_of(path, {"Cookie": cookie_of(viewer)}).split(b"\r\n")[0]
    assert read_measures()["runsdash_upstream_attempts_total"][(gone.slug, "retrieve_run", "silent")] >= 1


def test_what_cannot_be_written_is_kept():
    measures.count("runsdash_slow_statements_total", by=2)
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE index_measuredsum RENAME TO elsewhere")
    write_measures()
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO index_measuredsum")
    write_measures()
    assert MeasuredSum.objects.get().amount == 2


def test_buckets_hold_what_the_smaller_ones_do(client):
    for seconds in (0.05, 0.1, 2, 99):
        measures.observe("runsdash_upstream_attempt_seconds", "a", "list_runs", seconds=seconds)
    found = numbers(client)
    series = 'runsdash_upstream_attempt_seconds_bucket{connection="a",le="%s",operation="list_runs"}'
    by_bound = {bound: found[series % bound] for bound in ("0.1", "0.3", "3", "30", "+Inf")}
    assert by_bound == {"0.1": 2, "0.3": 2, "3": 3, "30": 3, "+Inf": 4}


def test_a_scrape_takes_no_more_statements_however_much_was_counted(client, django_assert_max_num_queries):
    for operation in OPERATIONS:
        for seconds in (0.05, 0.2, 2, 20, 200):
            measures.observe("runsdash_upstream_attempt_seconds", "prod", operation, seconds=seconds)
    write_measures()
    made_connection()
    with django_assert_max_num_queries(12):
        client.get("/metrics")


def test_labels_come_from_closed_sets():
    labels = {label for about in COUNTED.values() for label in about.labels}
    assert labels == {"connection", "operation", "outcome", "action", "result", "channel"}


def test_alerts_name_only_numbers_that_are_there(client):
    text = (Path(settings.BASE_DIR) / "docs" / "deployment.md").read_text()
    rules = text.split("## Alerts", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"runsdash_\w+", rules))
    there = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").content.decode(), re.MULTILINE))
    made_of_histograms = {f"{one}_{end}" for one in there for end in ("bucket", "sum", "count")}
    assert len(named) >= 8
    assert named <= there | made_of_histograms
    documented = text.split("| metric |", 1)[1].split("\n\n", 1)[0]
    assert {one for one in there if one.startswith("runsdash_")} == set(re.findall(r"runsdash_\w+", documented))
