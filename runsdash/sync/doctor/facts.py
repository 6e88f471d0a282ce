"""Measures disk, database, rows and how far workers are: figures of the doctor's page. Judges nothing."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from runsdash.audit.models import AuditEntry
from runsdash.index.connections import connections
from runsdash.index.models import DirtyHour, Run, Thread
from runsdash.sync.worker_beat import worker_seen_at

MB = 1024 * 1024


@dataclass(frozen=True)
class Disk:
    """Holds the space of the disk that a path is on, in bytes. `of`: what stands there."""

    of: str
    path: str
    free: int
    total: int


@dataclass(frozen=True)
class Facts:
    """Holds what was measured. `is_estimate`: rows are PostgreSQL's own estimate."""

    engine: str
    database_bytes: int
    disks: list[Disk]
    threads: int
    runs: int
    audit_entries: int
    is_estimate: bool
    dirty_hours: int
    oldest_unarchived: datetime | None
    worker_seen_at: datetime | None


def facts() -> Facts:
    threads, runs = rows_of(Thread), rows_of(Run)
    return Facts(
        engine=engine(),
        database_bytes=size_of_database(),
        disks=list(disks()),
        threads=threads,
        runs=runs,
        audit_entries=AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0,
        is_estimate=connection.vendor == "postgresql",
        dirty_hours=dirty_hours(),
        oldest_unarchived=oldest_unarchived(),
        worker_seen_at=worker_seen_at(connections()),
    )


def engine() -> str:
    version = ".".join(str(part) for part in connection.get_database_version())
    return f"{connection.display_name} {version}"


def rows_of(model: type[Thread | Run]) -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
            estimate = int(cursor.fetchone()[0])
        if estimate >= 0:
            return estimate
    return model.objects.count()


def size_of_database() -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    path = Path(connection.settings_dict["NAME"])
    return sum(os.path.getsize(one) for one in (path, path.with_name(f"{path.name}-wal")) if one.exists())


def free_pages_share() -> float:
    """Returns how much of the SQLite file is pages that nothing uses."""
    with connection.cursor() as cursor:
        free = cursor.execute("PRAGMA freelist_count").fetchone()[0]
        return float(free / max(1, cursor.execute("PRAGMA page_count").fetchone()[0]))


def disks() -> Iterator[Disk]:
    """Measures the disks of the database, when it is a file, and of FILES_DIR; each disk once."""
    folders = {"uploads and exports": Path(settings.FILES_DIR)}
    if connection.vendor == "sqlite":
        folders = {"database": Path(connection.settings_dict["NAME"]).parent} | folders
    seen = set()
    for of, folder in folders.items():
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if (device := there.stat().st_dev) not in seen:
            seen.add(device)
            usage = shutil.disk_usage(there)
            yield Disk(of, str(folder), usage.free, usage.total)


def dirty_hours() -> int:
    return DirtyHour.objects.values("connection_id", "hour").distinct().count()


def oldest_unarchived() -> datetime | None:
    """Returns when the oldest run was made that is not archived yet, of connections that are on."""
    moments = []
    for one in connections():
        if one.is_enabled and one.base_url:
            rows = Run.objects.filter(connection=one, archived_at=None).order_by("pk")
            moments.append(rows.values_list("created_at", flat=True).first())
    return min((moment for moment in moments if moment), default=None)
