"""Says what is misconfigured, unsafe, slow, full or behind, in this order, each with its mend.

Reads settings, rows and the disk; asks no upstream and changes nothing. What to measure is in `facts`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Tags, run_checks
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.audit.chain import check_chain
from runsdash.audit.triggers import are_guarded
from runsdash.index.connections import connections
from runsdash.index.keeping.overwrite import not_overwritten
from runsdash.index.keeping.versions import applied_migrations, newer_than_code
from runsdash.index.models import Connection, Job
from runsdash.index.storage.sealed_keys import unseal
from runsdash.notify.models import Rule
from runsdash.sync.budget.shared_pauses import PATIENT_FOR
from runsdash.sync.connection_health import lag_s
from runsdash.sync.worker_beat import is_lost, worker_seen_at

from .facts import MB, Disk, dirty_hours, disks, free_pages_share, size_of_database

LEAST_FREE_SHARE, LEAST_FREE_BYTES = 0.05, 1024 * MB
MOST_FREED_SHARE, LARGE = 0.3, 256 * MB  # of a SQLite file: free pages
MOST_DIRTY_HOURS = 200
LONGEST_LAG_S = 300.0
LONGEST_WAIT = timedelta(minutes=15)  # of a job; one that works renews nothing here
LONGEST_OVERWRITING = timedelta(hours=6)
LOCAL_NAMES = {"localhost", "[::1]"}


class Area(StrEnum):
    MISCONFIGURED = "misconfigured"
    UNSAFE = "unsafe"
    SLOW = "slow"
    FULL = "full"
    BEHIND = "behind"


@dataclass(frozen=True)
class Diagnosis:
    """Holds what is wrong in a sentence, and what mends it in another."""

    area: Area
    sentence: str
    mend: str


Found = Iterator[tuple[str, str]]


def findings(*, is_whole: bool) -> list[Diagnosis]:
    """Returns all that is found. is_whole: the trail is read from its first entry on, which takes a while."""
    try:
        wrong = list(wrong_database())
    except Error as error:
        wrong = [(f"The database does not answer: {error}.".replace("\n", " "), "Look at DATABASE_URL and its server.")]
    if wrong:
        return [Diagnosis(Area.MISCONFIGURED, *pair) for pair in wrong]
    checks = dict(CHECKS) | {broken_trail: Area.UNSAFE} if is_whole else dict(CHECKS)
    found = [Diagnosis(area, *pair) for check, area in checks.items() for pair in check()]
    return sorted(found, key=lambda one: list(Area).index(one.area))


def wrong_database() -> Found:
    sentence = newer_than_code(applied_migrations())
    if sentence:
        first, _, mend = sentence.partition(". ")
        yield f"{first}.", mend
    executor = MigrationExecutor(connection)
    if missing := len(executor.migration_plan(executor.loader.graph.leaf_nodes())):
        yield f"{missing} migrations are missing in the database.", "Run manage.py migrate."


# Misconfigured


def wrong_people() -> Found:
    if not User.objects.filter(role="admin", is_active=True).exists():
        yield "There is no administrator.", "Run manage.py add_user NAME --role admin."


def wrong_connections() -> Found:
    known = connections()
    if not known:
        yield "There is no connection.", "Set RUNSDASH_API_BASE_URL, or add a connection on its page."
    unread = [one.slug for one in known if one.sealed_key and unseal(one.sealed_key) is None]
    if unread:
        yield (
            f"The keys of {', '.join(unread)} were sealed with another SECRET_KEY.",
            "Put that one into SECRET_KEY_FALLBACKS, or type the keys again.",
        )


def wrong_folders() -> Found:
    folder = Path(settings.FILES_DIR)
    # The folder is made when it is needed first, in one that is there.
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        yield f"{folder} cannot be written to: no upload and no export works.", "Give the folder to this account."


def wrong_mail() -> Found:
    is_printed = settings.EMAIL_BACKEND.endswith(("console.EmailBackend", "dummy.EmailBackend"))
    if is_printed and Rule.objects.filter(is_enabled=True).exclude(emails="").exists():
        yield "Rules send e-mail, and none leaves this machine.", "Set EMAIL_URL."


# Unsafe


def unsafe_settings() -> Found:
    for message in run_checks(tags=[Tags.security], include_deployment_checks=True):
        if not message.is_silenced():
            yield f"{message.msg} ({message.id})", message.hint or "See docs/deployment.md."
    if not settings.SECURE_SSL and not all(map(is_local, settings.ALLOWED_HOSTS)):
        yield "Others reach this server, and sessions may travel unencrypted.", "Put TLS before it; set SECURE_SSL=on."


def unsafe_connections() -> Found:
    for one in connections():
        parts = urlsplit(one.base_url)
        if parts.scheme == "http" and one.is_enabled and not is_local(parts.hostname or ""):
            yield f"The key of {one.slug} travels unencrypted to {parts.hostname}.", "Give it an https address."


def unsafe_trail() -> Found:
    if not are_guarded(connection):
        yield "The database would let audit entries be changed.", "Run manage.py migrate."


def broken_trail() -> Found:
    if sentence := check_chain().broken:
        yield f"The audit trail is broken. {sentence}", "Find out who had the database; compare it with a backup."


def is_local(host: str) -> bool:
    """Tells whether only this machine, or a private network's, is meant by a name or address."""
    if host in LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_private
    except ValueError:
        return False


# Slow, full, behind


def slow_files() -> Found:
    if not settings.HASHED_STATIC and not settings.DEBUG:
        yield "Browsers ask for static files again and again.", "Run manage.py collectstatic --no-input, restart."


def slow_database() -> Found:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        yield f"SQLite's journal mode is {mode}: readers wait for writers.", "Keep the file on a local disk."
    if free_pages_share() > MOST_FREED_SHARE and size_of_database() > LARGE:
        yield (
            "A large part of the SQLite file is free pages, which may hold what was deleted.",
            "Stop the workers and run sqlite3 FILE VACUUM; it needs as much free disk again.",
        )


def full_disks() -> Found:
    for disk in disks():
        if is_full(disk):
            yield (
                f"{disk.of}: {disk.free / MB:,.0f} MB are free on the disk of {disk.path}.",
                "Make room, or take a larger disk.",
            )


def is_full(disk: Disk) -> bool:
    return disk.free < LEAST_FREE_BYTES or disk.free < LEAST_FREE_SHARE * disk.total


def late_worker() -> Found:
    seen_at = worker_seen_at(connections())
    if connections() and is_lost(seen_at):
        since = f"since {seen_at:%Y-%m-%d %H:%M} UTC" if seen_at else "yet"
        yield f"No worker has gone round {since}: only what people open is read.", "Start manage.py sync."


def late_connections() -> Found:
    now = timezone.now()
    for one in Connection.objects.filter(is_enabled=True).exclude(base_url=""):
        if one.failures >= PATIENT_FOR:
            said = (one.last_failure or {}).get("message") or "no answer"
            yield f"{one.slug} has failed {one.failures} times in a row: {str(said)[:200]}", "Test the connection."
        elif (lag := lag_s(one, now=now)) > LONGEST_LAG_S:
            yield f"Looks at {one.slug} are {lag / 60:,.0f} minutes late.", "Raise its budget, or start another worker."


def late_sums() -> Found:
    if (hours := dirty_hours()) > MOST_DIRTY_HOURS:
        yield f"The sums of {hours:,} hours are to be made again.", "Let a worker run; look at its log if they grow."


def late_jobs() -> Found:
    before = timezone.now() - LONGEST_WAIT
    waiting = Job.objects.filter(state=Job.State.WAITING, created_at__lt=before).order_by("id").first()
    if waiting is not None:
        yield f"The job {waiting.pk} ({waiting.kind}) has waited for long.", "Start a worker, or another one."


def late_overwriting() -> Found:
    before = timezone.now() - LONGEST_OVERWRITING
    if connection.vendor == "sqlite" and not_overwritten().filter(purged_at__lt=before).exists():
        yield "Words of purged threads still stand in the text index's file.", "Let a worker run."


CHECKS: list[tuple[Callable[[], Found], Area]] = [
    (wrong_people, Area.MISCONFIGURED),
    (wrong_connections, Area.MISCONFIGURED),
    (wrong_folders, Area.MISCONFIGURED),
    (wrong_mail, Area.MISCONFIGURED),
    (unsafe_settings, Area.UNSAFE),
    (unsafe_connections, Area.UNSAFE),
    (unsafe_trail, Area.UNSAFE),
    (slow_files, Area.SLOW),
    (slow_database, Area.SLOW),
    (full_disks, Area.FULL),
    (late_worker, Area.BEHIND),
    (late_connections, Area.BEHIND),
    (late_sums, Area.BEHIND),
    (late_jobs, Area.BEHIND),
    (late_overwriting, Area.BEHIND),
]
