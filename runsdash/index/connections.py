"""Lists the upstreams. The one named `default` follows the environment."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import BigIntegerField, QuerySet
from django.db.models.expressions import RawSQL

from runsdash.index.storage.column_types import Columns
from runsdash.prepared import Prepared
from runsdash.row_access import hidden

from . import run_states
from .models import Connection

DEFAULT_SLUG = "default"
EVERY = Prepared(Connection.objects.all)


def environment_columns() -> Columns:
    return {
        "name": DEFAULT_SLUG,
        "base_url": settings.RUNSDASH_API_BASE_URL,
        "kind": settings.RUNSDASH_API_KIND,
        "api_version": settings.RUNSDASH_API_VERSION,
        "timeout_s": settings.RUNSDASH_API_TIMEOUT_S,
        "budget_per_min": settings.RUNSDASH_API_BUDGET_PER_MIN,
        "auth": settings.RUNSDASH_API_AUTH,
        "organization": settings.RUNSDASH_API_ORGANIZATION,
        "project": settings.RUNSDASH_API_PROJECT,
        "extra_query": settings.RUNSDASH_API_QUERY,
        "sunset_on": settings.RUNSDASH_API_SUNSET,
        "is_from_environment": True,
        "is_enabled": bool(settings.RUNSDASH_API_BASE_URL),
    }


def connections() -> list[Connection]:
    """Lists every connection, `default` first. Writes only when the environment has changed since the last look."""
    return in_step(EVERY.rows())


def in_step(rows: Iterable[Connection]) -> list[Connection]:
    """Brings `default` in step with the environment; returns the connections in their order."""
    found = {connection.slug: connection for connection in rows}
    wanted = environment_columns()
    default = found.get(DEFAULT_SLUG)
    if default is None and wanted["base_url"] and not hidden():  # else it may be there, and not seen
        found[DEFAULT_SLUG] = Connection.objects.update_or_create(slug=DEFAULT_SLUG, defaults=wanted)[0]
    elif default is not None and default.is_from_environment:
        follow_environment(default, wanted)
    return sorted(found.values(), key=lambda one: (one.slug != DEFAULT_SLUG, one.slug))


def connections_and_waiting(slug: str, *, now: datetime, most: int) -> tuple[list[Connection], int]:
    """Lists every connection, and counts runs that a person can still answer: of `slug` where there is one, to `most`.

    One statement for both, since every page asks for them.
    """
    rows = WITH_WAITING.rows(now, slug, slug, most)
    waiting: int = getattr(rows[0], "waiting_count", 0) if rows else 0
    return in_step(rows), waiting


def with_waiting(now: datetime, slug: str, same_slug: str, most: int) -> QuerySet[Connection]:
    is_waiting, params = run_states.waiting_sql(now)
    is_meant = "(r.connection_id = (SELECT c.id FROM index_connection c WHERE c.slug = %s) OR %s = '')"
    counted = (
        f"SELECT COUNT(*) FROM (SELECT 1 FROM index_run r WHERE r.status = '{run_states.WAITING}'"
        f" AND {is_waiting} AND {is_meant} LIMIT %s) found"
    )
    column = RawSQL(f"({counted})", (*params, slug, same_slug, most), BigIntegerField())
    return Connection.objects.annotate(waiting_count=column)


WITH_WAITING = Prepared(with_waiting, datetime, str, str, int)


def follow_environment(default: Connection, wanted: Columns) -> None:
    """Updates `default`. Without a base URL the row stays, so that its archive still renders, but it is off."""
    if not wanted["base_url"]:
        wanted = {"is_enabled": False}
    changed = [name for name, value in wanted.items() if getattr(default, name) != value]
    for name in changed:
        setattr(default, name, wanted[name])
    if changed:
        default.save(update_fields=[*changed, "changed_at"])
