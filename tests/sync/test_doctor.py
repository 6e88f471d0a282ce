"""The doctor: silent when all is well; each thing that is wrong gets its area, its sentence and its mend."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.audit.models import AuditContent
from runsdash.audit.trail import record_refusal
from runsdash.audit.triggers import unguard_entries
from runsdash.index.models import Connection, DirtyHour, Job, PurgedThread, Thread
from runsdash.notify.models import Rule
from runsdash.sync.doctor import findings as doctor
from runsdash.sync.doctor.facts import Disk
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
AREA = doctor.Area
LONG_AGO = timezone.now() - timedelta(days=2)


@pytest.fixture
def well(settings, tmp_path, admin) -> Connection:
    """An installation that lacks nothing."""
    settings.ALLOWED_HOSTS, settings.HASHED_STATIC, settings.FILES_DIR = ["localhost", "10.0.0.7"], True, str(tmp_path)
    settings.SECRET_KEY = "aB3-" * 20 + "cdefghijk"
    return made_connection("prod", worker_seen_at=timezone.now())


def said() -> str:
    text = StringIO()
    with pytest.raises(CommandError, match="to mend"):
        call_command("doctor", stdout=text)
    return text.getvalue()


def test_all_is_well(well) -> None:
    text = StringIO()
    call_command("doctor", stdout=text)
    assert text.getvalue() == "All is well.\n"


def broken_content(_: Connection) -> None:
    record_refusal(message="Not now.", action="cancel_run", actor="anna")
    AuditContent.objects.update(upstream_message="Do as you like.")


def rows(model: type, **columns: object) -> Callable[[Connection], object]:
    return lambda connection: model.objects.update(**columns)


def late_job(_: Connection) -> None:
    Job.objects.create(kind="add_threads", state=Job.State.WAITING)
    Job.objects.update(created_at=LONG_AGO)


def late_purge(connection: Connection) -> None:
    PurgedThread.objects.create(connection=connection, upstream_id="thread_x")
    PurgedThread.objects.update(purged_at=LONG_AGO)


def dirty(connection: Connection) -> None:
    DirtyHour.objects.bulk_create([DirtyHour(connection=connection, hour=hour) for hour in range(300)])


def late_thread(connection: Connection) -> None:
    made_run(connection)
    Thread.objects.update(due_at=LONG_AGO)


WRONG = {
    "no administrator": (AREA.MISCONFIGURED, rows(User, role="viewer")),
    "There is no connection": (AREA.MISCONFIGURED, lambda _: Connection.objects.all().delete()),
    "sealed with another SECRET_KEY": (AREA.MISCONFIGURED, rows(Connection, sealed_key="gAAAAnonsense")),
    "none leaves this machine": (
        AREA.MISCONFIGURED,
        lambda _: Rule.objects.create(name="all", event="failure", emails="a@example.org", created_by="admin"),
    ),
    "later version of RunsDash": (
        AREA.MISCONFIGURED,
        lambda _: MigrationRecorder(database).record_applied("index", "9999_of_tomorrow"),
    ),
    "1 migrations are missing": (
        AREA.MISCONFIGURED,
        lambda _: MigrationRecorder(database).record_unapplied(*MigrationLoader(database).graph.leaf_nodes("audit")[0]),
    ),
    "travels unencrypted to api.example": (AREA.UNSAFE, rows(Connection, base_url="http://api.example/v1")),
    "entries be changed": (AREA.UNSAFE, lambda _: unguard_entries(database)),
    "The audit trail is broken": (AREA.UNSAFE, broken_content),
    "No worker has gone round since": (AREA.BEHIND, rows(Connection, worker_seen_at=LONG_AGO)),
    "has failed 9 times in a row: Bad": (AREA.BEHIND, rows(Connection, failures=9, last_failure={"message": "Bad"})),
    "minutes late": (AREA.BEHIND, late_thread),
    "The sums of 300 hours": (AREA.BEHIND, dirty),
    "(add_threads) has waited": (AREA.BEHIND, late_job),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_said_with_its_mend(well, settings, sentence) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    area, make = WRONG[sentence]
    make(well)
    (line,) = [line for line in said().splitlines() if sentence in line]
    assert line.startswith(f"{area}: ")
    assert line.partition(" → ")[2].endswith(".")


def test_settings_are_looked_at(well, settings, tmp_path) -> None:
    settings.DEBUG, settings.SECRET_KEY, settings.HASHED_STATIC = True, "short", False
    settings.ALLOWED_HOSTS, settings.FILES_DIR = ["runs.example.org"], str(tmp_path / "no" / "such")
    text = said()
    for part in (
        "DEBUG set to True",
        "SECRET_KEY has less than 50",
        "may travel unencrypted",
        "no upload and no export",
    ):
        assert part in text
    areas = [line.partition(":")[0] for line in text.splitlines()]
    assert areas == sorted(areas, key=[one.value for one in AREA].index)
    settings.DEBUG = False
    assert "slow: Browsers ask for static files" in said()


@pytest.mark.skipif(database.vendor != "sqlite", reason="PostgreSQL's VACUUM needs no worker of ours")
def test_purged_words_that_stay_are_said(well) -> None:
    late_purge(well)
    assert "Words of purged threads still stand" in said()


def test_a_disk_is_full_by_share_or_by_bytes() -> None:
    gb = 1024**3
    disks = [
        Disk("database", "/x", free, total)
        for free, total in ((gb // 2, 5 * gb), (4 * gb, 100 * gb), (9 * gb, 99 * gb))
    ]
    assert [doctor.is_full(one) for one in disks] == [True, True, False]
