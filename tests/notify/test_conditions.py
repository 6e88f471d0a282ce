"""Rules that watch a number of the runs of a saved view: told once a crossing, silent while muted."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.models import Run, SavedView
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.conditions import look_at, look_at_rules
from runsdash.notify.delivery_loop import MAX_PER_MINUTE, deliver_due
from runsdash.notify.models import Delivery, Rule
from tests.notify.receiver import Receiver
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def prod():
    cache.clear()
    return made_connection(is_enabled=False)


def rule_that(event: str, threshold: float, *, query: str = "", **more: object) -> Rule:
    owner, _ = User.objects.get_or_create(username="ada")
    view = SavedView.objects.create(owner=owner, name=f"View {SavedView.objects.count()}", query=query)
    given = {
        "name": "Flood",
        "emails": "ops@example.org",
        "created_by": "ada",
        "sealed_secret": seal("s"),
        "period_s": 900,
    } | more
    return Rule.objects.create(event=event, threshold=threshold, view=view, check_at=timezone.now(), **given)


def counted(rule: Rule) -> float:
    cache.clear()
    look_at(rule)
    rule.refresh_from_db()
    return rule.counted


def due() -> None:
    cache.clear()
    Rule.objects.update(check_at=timezone.now())


def test_what_is_counted(prod):
    made_runs(prod, 3, status="failed", model="gpt-4o")
    made_runs(prod, 2, model="gpt-4o")
    made_run(prod, model="o3")
    made_run(prod, model="gpt-4o", age_s=4000)
    view = {"query": "model:gpt-4o"}
    assert counted(rule_that("run_count", 4, **view)) == 5
    assert counted(rule_that("failure_rate", 50, **view)) == 60
    assert counted(rule_that("failure_rate", 50, **view, least_runs=6)) == 0
    assert counted(rule_that("run_count", 4, query="model:gpt-4o words")) == 0
    assert set(Delivery.objects.values_list("rule__event", flat=True)) == {"run_count", "failure_rate"}


def test_the_cost_of_a_day(prod):
    now = timezone.now()
    for age in (timedelta(0), timedelta(days=1)):
        run = made_run(prod, age_s=age.total_seconds())
        Run.objects.filter(pk=run.pk).update(cost=3.0)
    rule = rule_that("day_cost", 2.5, query=f"created>{now - timedelta(days=5):%Y-%m-%d}")
    assert counted(rule) == 3
    assert "cost more than $2.50; now $3.00" in Delivery.objects.get().body["sentence"]


def test_who_waits_longest(prod):
    long, short, answered = [
        made_run(prod, status="requires_action", expires_at=int(timezone.now().timestamp()) + 999) for _ in range(3)
    ]
    for run, minutes in ((long, 6), (short, 1), (answered, 60)):
        Run.objects.filter(pk=run.pk).update(status_since=timezone.now() - timedelta(minutes=minutes))
    Run.objects.filter(pk=answered.pk).update(status="completed")
    rule = rule_that("wait", 300)
    assert 360 <= counted(rule) < 420
    assert rule.is_above
    assert "is%3Awaiting" in Delivery.objects.get().body["path"]
    assert counted(rule_that("wait", 300, query=f"run:{short.upstream_id}")) < 120


def test_a_crossing_is_told_once_and_the_next_one_again(prod):
    rule = rule_that("run_count", 1)
    runs = made_runs(prod, 2)
    for _ in range(3):
        due()
        look_at_rules()
    assert Delivery.objects.count() == 1
    Run.objects.filter(pk=runs[0].pk).delete()
    due()
    assert look_at_rules() == 0
    made_run(prod)
    due()
    assert look_at_rules() == 1
    keys = list(Delivery.objects.order_by("pk").values_list("event_key", flat=True))
    assert keys == ["crossing:1", "back:1", "crossing:2"]
    rule.refresh_from_db()
    assert rule.check_at > timezone.now() + timedelta(seconds=20)
    assert look_at_rules() == 0


def test_a_muted_rule_says_so_and_tells_afterwards(prod, mailoutbox):
    rule = rule_that("run_count", 0, muted_until=timezone.now() + timedelta(hours=1))
    made_run(prod)
    for _ in range(2):
        due()
        look_at_rules()
    assert deliver_due() == 0
    kept = Delivery.objects.get()
    assert (kept.state, kept.answer[:22]) == ("muted", "not sent: muted until ")
    Rule.objects.update(muted_until=timezone.now())
    due()
    look_at_rules()
    assert deliver_due() == 1
    assert rule.when in mailoutbox[0].subject


def test_the_end_is_told_once_to_those_who_heard_of_the_beginning(prod, mailoutbox):
    rule = rule_that("run_count", 1)
    runs = made_runs(prod, 2)
    for change in (lambda: None, lambda: Run.objects.filter(pk=runs[0].pk).delete(), lambda: None):
        change()
        due()
        look_at_rules()
        deliver_due()
    assert [one.subject.partition(": ")[2].partition(". Saved")[0] for one in mailoutbox] == [
        "Flood: more than 1 runs in 15m; now 2", "Flood: no longer more than 1 runs in 15m; now 1",
    ]  # fmt: skip
    assert [one.body["is_over"] for one in Delivery.objects.order_by("pk")] == [False, True]
    Rule.objects.update(muted_until=timezone.now() + timedelta(hours=1))
    made_run(prod)
    due()
    look_at_rules()
    Rule.objects.update(muted_until=None)
    Run.objects.filter(pk=runs[1].pk).delete()
    due()
    look_at_rules()
    assert deliver_due() == 0  # nobody heard that it was above again
    assert set(Delivery.objects.values_list("rule", flat=True)) == {rule.pk}


def test_a_rule_that_watches_sends_a_limited_number_a_minute(prod, mailoutbox):
    rule = rule_that("run_count", 0)
    now = timezone.now()
    Delivery.objects.bulk_create(
        Delivery(
            rule=rule, channel="email", event_key=f"crossing:-{number}", body={}, state="sent", due_at=now, sent_at=now
        )
        for number in range(MAX_PER_MINUTE)
    )
    made_run(prod)
    assert look_at_rules() == 1
    assert deliver_due() == 0
    [kept] = Delivery.objects.filter(state="due")
    assert kept.due_at > now + timedelta(seconds=50)
    Delivery.objects.filter(state="sent").update(sent_at=now - timedelta(minutes=2))
    Delivery.objects.filter(pk=kept.pk).update(due_at=now)
    assert deliver_due() == 1
    assert len(mailoutbox) == 1


def test_slack_and_webhook_carry_a_link(prod, settings):
    settings.WEBHOOK_ALLOW_PRIVATE, settings.PUBLIC_URL = True, "https://runs.example.org/"
    with Receiver() as receiver:
        rule_that("run_count", 0, emails="", webhook_url=receiver.url, slack_url=receiver.url, name="<Flood> & co")
        made_run(prod)
        look_at_rules()
        assert deliver_due() == 2
        bodies = [json.loads(body) for _, body in receiver.got]
    (slack,) = [body["text"] for body in bodies if "text" in body]
    assert slack.startswith("&lt;Flood&gt; &amp; co: more than 0 runs in 15m; now 1. Saved view: ")
    assert slack.endswith(" <https://runs.example.org/runs/?q=since%3A15m|Open in RunsDash>")
    (plain,) = [body for body in bodies if "text" not in body]
    assert (plain["counted"], plain["url"]) == (1, "https://runs.example.org/runs/?q=since%3A15m")


def test_a_view_that_cannot_be_read_is_skipped(prod, caplog):
    rule = rule_that("run_count", 0, query="color:red")
    other = rule_that("run_count", 0, query="status:completed")
    made_run(prod)
    assert look_at_rules() == 1
    assert Delivery.objects.get().rule == other
    assert f"rule {rule.pk}" in caplog.text
