"""Notifications: events become deliveries, deliveries are sent once, signed, retried and refused where they must be."""

import hmac
import json
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_network
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from django.core import mail
from django.db import connection as database
from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from runsdash.index.models import Run, StatusSeen
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.delivery_loop import DEADLINE_S, LEASE, MAX_ATTEMPTS, deliver_due, deliver_until, sweep
from runsdash.notify.models import Delivery, Rule
from runsdash.notify.targets import TargetRefused, resolved
from runsdash.service import objects
from runsdash.service.addresses import is_public
from runsdash.sync.refresh import refresh_run
from tests.notify.receiver import Receiver, SlowServer
from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as found:
        yield found


def rule_for(target: str, *, event: str = "needs_action", column: str = "webhook_url", **more: object) -> Rule:
    return Rule.objects.create(
        name="Night shift", event=event, sealed_secret=seal("secret"), created_by="ada", **{column: target}, **more,
    )  # fmt: skip


@pytest.fixture
def wait_now(connection, start):
    def waiting() -> Run:
        run = start("/tool get_stock", until="requires_action")
        return refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])

    return waiting


def due_now() -> None:
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_waiting_run_is_told_once_and_signed(receiver, wait_now):
    rule_for(receiver.url)
    run = wait_now()

    assert deliver_due() == 1
    assert deliver_due() == 0

    ((headers, body),) = receiver.got
    payload = json.loads(body)
    assert (payload["event"], payload["run_id"], payload["functions"]) == (
        "needs_action",
        run.upstream_id,
        ["get_stock"],
    )
    stamp, digest = (part.split("=", 1)[1] for part in headers["X-RunsDash-Signature"].split(","))
    assert digest == hmac.new(b"secret", f"{stamp}.".encode() + body, sha256).hexdigest()
    assert Delivery.objects.get().state == "sent"


def test_a_rule_tells_nothing_older_than_itself(receiver, wait_now):
    wait_now()
    rule_for(receiver.url)
    assert deliver_due() == 0
    assert receiver.got == []


def test_a_change_is_told_whatever_number_it_has(receiver, connection, start):
    """On PostgreSQL a lower number may be committed after a higher one was looked at."""
    rule_for(receiver.url, event="failure")
    runs = [start("/fail server_error", until="failed") for _ in range(2)]
    refresh_run(connection, thread_id=runs[0]["thread_id"], run_id=runs[0]["id"])
    StatusSeen.objects.update(id=F("id") + 1000)
    assert deliver_due() == 1
    refresh_run(connection, thread_id=runs[1]["thread_id"], run_id=runs[1]["id"])
    StatusSeen.objects.filter(run__upstream_id=runs[1]["id"]).update(id=1)
    assert deliver_due() == 1
    assert deliver_due() == 0
    assert {json.loads(body)["run_id"] for _, body in receiver.got} == {run["id"] for run in runs}


@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_of_two_transactions_the_one_that_ends_last_is_told_too(receiver, connection, start):
    rule_for(receiver.url, event="failure")
    first, second = (objects.Run.from_raw(start("/fail server_error", until="failed")) for _ in range(2))
    begun, may_end = Event(), Event()

    def slowly() -> None:
        with transaction.atomic():
            upsert_run(connection, first, fetched_at=timezone.now())
            begun.set()
            may_end.wait(10)
        connections.close_all()

    thread = Thread(target=slowly)
    thread.start()
    begun.wait(10)
    upsert_run(connection, second, fetched_at=timezone.now())
    assert deliver_due() == 1
    may_end.set()
    thread.join(10)
    assert deliver_due() == 1


def test_failures_by_error_and_assistant(receiver, connection, start):
    rule_for(receiver.url, event="failure", error_code="rate_limit_exceeded")
    for code in ("server_error", "rate_limit_exceeded"):
        run = start(f"/fail {code}", until="failed")
        refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    assert deliver_due() == 1
    assert json.loads(receiver.got[0][1])["error_code"] == "rate_limit_exceeded"


def test_old_runs_of_an_import_tell_nobody(receiver, wait_now):
    rule_for(receiver.url)
    run = wait_now()
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(days=3))
    assert deliver_due() == 0


def test_stale_runs(receiver, wait_now):
    rule_for(receiver.url, event="stale")
    run = wait_now()
    assert deliver_due() == 0
    Run.objects.filter(pk=run.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert deliver_due() == 1
    assert deliver_due() == 0


def test_a_failing_target_is_tried_again_later_and_given_up_at_last(receiver, wait_now):
    rule_for(receiver.url)
    wait_now()
    receiver.status = 500
    for _ in range(MAX_ATTEMPTS + 2):
        deliver_due()
        due_now()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, len(receiver.got)) == ("failed", MAX_ATTEMPTS, MAX_ATTEMPTS)
    assert delivery.answer == "answered 500"


def test_it_comes_through_when_the_target_is_back(receiver, wait_now):
    rule_for(receiver.url)
    wait_now()
    receiver.status = 503
    assert deliver_due() == 0
    receiver.status = 204
    due_now()
    assert deliver_due() == 1


def test_redirects_are_not_followed(receiver, wait_now):
    rule_for(receiver.url)
    wait_now()
    receiver.status, receiver.location = 302, receiver.url
    assert deliver_due() == 0
    assert len(receiver.got) == 1
    assert Delivery.objects.get().answer == "answered 302"


def test_a_limited_number_a_minute(receiver, wait_now):
    rule = rule_for(receiver.url)
    run = wait_now()
    StatusSeen.objects.bulk_create(
        [StatusSeen(run=run, status="requires_action", seen_at=timezone.now(), is_to_tell=True) for _ in range(40)]
    )
    for _ in range(8):
        deliver_due()
    assert len(receiver.got) == 30
    assert rule.deliveries.filter(state="due").count() == 11


def test_any_run_id_is_told_with_a_path_that_leads_to_it(receiver, admin):
    rule_for(receiver.url)
    connection = made_connection()
    for one in ("run_1", "a/b", "..", "run_2"):
        made_run(connection, id=one, thread_id=one, status="requires_action", age_s=5)
    assert deliver_due() == 4
    payloads = [json.loads(body) for _, body in receiver.got]
    assert [one["run_id"] for one in payloads] == ["run_1", "a/b", "..", "run_2"]
    pages = [page_of(admin.get(one["path"])) for one in payloads]
    assert [page.one("div", id="run-head")["data-run-id"] for page in pages] == ["run_1", "a/b", "..", "run_2"]


def test_a_run_that_cannot_be_told_is_skipped_and_logged(receiver, caplog):
    rule_for(receiver.url)
    connection = made_connection()
    first, bad, last = [made_run(connection, status="requires_action", age_s=5) for _ in range(3)]
    Run.objects.filter(pk=bad.pk).update(pending_calls=["not a call"])
    assert deliver_due() == 2
    assert [json.loads(body)["run_id"] for _, body in receiver.got] == [first.upstream_id, last.upstream_id]
    assert bad.upstream_id in caplog.text
    assert deliver_due() == 0


def test_private_addresses_are_refused(settings, wait_now):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    rule_for("http://127.0.0.1:9/hook")
    wait_now()
    assert deliver_due() == 0
    assert "not a public address" in Delivery.objects.get().answer


OF_CLOUDS = [
    "169.254.169.254", "169.254.1.2", "[fe80::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]",
     "168.63.129.16", "100.100.100.200", "192.0.0.192", "[fd00:ec2::254]", "[fd20:ce::254]",
]  # fmt: skip


def test_private_addresses_may_be_allowed_but_not_what_tells_a_machine_its_secrets(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    assert resolved("http://10.1.2.3/hook", until=monotonic() + 5).address == "10.1.2.3"
    for host in OF_CLOUDS:
        with pytest.raises(TargetRefused, match="link-local or a cloud's metadata"):
            resolved(f"http://{host}/latest/meta-data/", until=monotonic() + 5)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1",
     "0.0.0.0", "224.0.0.1", "2002:0a00:0001::1", "100.64.0.1"],
)  # fmt: skip
def test_what_is_not_public(address):
    assert not is_public(address)


# The registries of special-purpose addresses, what carries an IPv4 address, and what clouds keep for themselves.
SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "168.63.129.16/32", "100.100.100.200/32", "::/128", "::1/128", "::/96", "::ffff:0:0/104", "::ffff:0:0:0/96",
    "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:db8::/32",
    "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fd00:ec2::254/128", "fe80::/10",
    "fec0::/10", "ff00::/8", "64:ff9b::5db8:d822/128", "2a00:1450::5efe:a00:1/128",
    "2a00:1450::200:5efe:a9fe:a9fe/128", "4000::/3", "0200::/7",
]  # fmt: skip


@pytest.mark.parametrize("network", SPECIAL)
def test_no_special_range_is_public(network):
    found = ip_network(network)
    some = {found[0], found[-1], found[found.num_addresses // 2], found[found.num_addresses // 3]}
    assert [str(one) for one in some if is_public(str(one))] == []


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1"])
def test_what_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["ftp://host/", "http://", "https://u:p@host/", "host/path", "http://[", "http://a:99999/"]
)
def test_what_is_no_target(url):
    with pytest.raises(TargetRefused):
        resolved(url, until=monotonic() + 1)


def test_email(wait_now):
    rule_for("ops@example.org, night@example.org", column="emails")
    run = wait_now()
    assert deliver_due() == 1
    (letter,) = mail.outbox
    assert letter.to == ["ops@example.org", "night@example.org"]
    assert run.upstream_id in letter.subject


@pytest.mark.parametrize("backend", ["console", "dummy"])
def test_a_letter_without_a_mail_server_is_not_called_sent(settings, wait_now, backend):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    rule_for("ops@example.org", column="emails")
    wait_now()
    assert deliver_due() == 0
    delivery = Delivery.objects.get()
    assert delivery.state != "sent"
    assert delivery.answer.startswith("no mail server is set (EMAIL_URL)")


def test_a_letter_without_a_mail_server_is_printed_once(settings, wait_now, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    rule_for("ops@example.org", column="emails")
    wait_now()
    for attempts in (1, 2):
        deliver_due()
        assert Delivery.objects.get().attempts == attempts
        Delivery.objects.update(due_at=timezone.now())
    assert capsys.readouterr().out.count("Subject: RunsDash") == 1


@pytest.fixture
def working():
    """The worker's thread for notifications, until the test is over."""
    stop = Event()
    thread = Thread(target=deliver_until, args=(stop,), daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()

    yield end
    end()


def test_a_worker_that_stops_stores_what_is_just_being_sent(receiver, wait_now, working):
    receiver.delay_s = 0.3
    rule_for(receiver.url)
    wait_now()
    wait_now()
    until = monotonic() + DEADLINE_S
    while len(receiver.got) < 2 and monotonic() < until:
        sleep(0.02)
    working()
    assert len(receiver.got) == 2
    assert list(Delivery.objects.values_list("state", flat=True)) == ["sent", "sent"]


def test_a_silent_mail_server_holds_up_its_own_rule_alone(settings, receiver, wait_now, request):
    settings.EMAIL_BACKEND = "runsdash.notify.smtp.EmailBackend"
    with SlowServer() as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", silent.port
        first = rule_for("ops@example.org", column="emails")
        rule_for(receiver.url)
        wait_now()
        wait_now()
        request.getfixturevalue("working")
        until = monotonic() + DEADLINE_S
        while len(receiver.got) < 2 and monotonic() < until:
            sleep(0.05)
        received = len(receiver.got)
        attempts = list(first.deliveries.values_list("attempts", flat=True))
        held = first.deliveries.filter(lease_until__isnull=False).count()
    assert (received, len(silent.accepted), attempts, held) == (2, 1, [0, 0], 1)


@pytest.mark.parametrize("drips", [b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000, b"x", b""])
def test_a_target_that_drips_has_one_attempt_within_a_lease(receiver, wait_now, drips):
    with SlowServer(drips) as slow:
        rule_for(slow.url)
        wait_now()
        began = monotonic()
        assert deliver_due(deadline_s=1.0) == 0
        assert monotonic() - began < LEASE.total_seconds()
        assert deliver_due(deadline_s=1.0) == 0
        delivery = Delivery.objects.get()
    assert (len(slow.accepted), delivery.state, delivery.attempts, delivery.lease_until) == (1, "due", 1, None)
    assert "took too long" in delivery.answer


@pytest.mark.parametrize("drips", [b"220 a.example\r\n" + b"2" * 1000, b"220-x\r\n", b""])
def test_a_mail_server_has_one_deadline_whatever_it_says(settings, wait_now, drips):
    settings.EMAIL_BACKEND = "runsdash.notify.smtp.EmailBackend"
    with SlowServer(drips) as slow:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", slow.port
        rule_for("ops@example.org", column="emails")
        wait_now()
        began = monotonic()
        assert deliver_due(deadline_s=1.0) == 0
        assert monotonic() - began < LEASE.total_seconds()
    assert (len(slow.accepted), Delivery.objects.get().attempts) == (1, 1)
    assert "took too long" in Delivery.objects.get().answer


def test_the_deadline_is_shorter_than_the_lease():
    assert LEASE.total_seconds() / 2 > DEADLINE_S


@pytest.mark.parametrize(
    ("days", "age_days", "stays"), [(30, 29, True), (30, 31, False), (2, 3, False), (0, 999, True)]
)
def test_deliveries_are_kept_for_some_days(settings, days, age_days, stays):
    settings.RUNSDASH_DELIVERY_DAYS = days
    rule = rule_for("a@example.org", column="emails")
    for state in ("sent", "due"):
        Delivery.objects.create(
            rule=rule, event_key=state, channel="email", body={}, state=state, due_at=timezone.now()
        )
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=age_days))
    sweep()
    assert set(Delivery.objects.values_list("state", flat=True)) == ({"sent", "due"} if stays else {"due"})
