"""Answers machines: alive, ready, metrics. No sign-in, no page."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from runsdash.accounts.addresses import client_address, is_within

from .metrics import CONTENT_TYPE, exposition


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Says that the process is alive. The health middleware answers before it comes here."""
    return plain("ok")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Says whether the database answers and has the tables of this version; 503 with the reason otherwise."""
    try:
        missing = missing_migrations()
    except DatabaseError:
        return plain("the database does not answer", status=503)
    return plain(f"{missing} migrations are missing", status=503) if missing else plain("ready")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Renders Prometheus text, for the networks of METRICS_ALLOW only."""
    address = client_address(request)
    if address is None or not is_within(address, settings.METRICS_ALLOW):
        return plain("not allowed from this address, see METRICS_ALLOW", status=403)
    return HttpResponse(exposition(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def plain(words: str, *, status: int = 200) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{words}\n", content_type="text/plain", status=status, headers=headers)
