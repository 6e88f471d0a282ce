"""Answers machines: alive, ready, metrics. No sign-in, no page."""

import logging
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from runsdash.accounts.addresses import client_address, is_within
from runsdash.index.keeping.versions import applied_migrations, newer_than_code

from .metrics import CONTENT_TYPE, exposition
from .problems import NOT_FOUND

log = logging.getLogger(__name__)

NO_DATABASE = "the database does not answer"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Says that the process is alive. Touches nothing."""
    return plain("ok")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Says whether the database has its tables and a page can be made; 503 with the reason otherwise."""
    try:
        newer, missing = newer_than_code(applied_migrations()), missing_migrations()
    except Error:
        return plain(NO_DATABASE, status=503)
    if newer:
        return plain(newer, status=503)
    if missing:
        return plain(f"{missing} migrations are missing", status=503)
    try:
        some_page(request)
    except Exception as error:
        log.exception("no page can be made")
        return plain(f"no page can be made: {type(error).__name__}", status=503)
    return plain("ready")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Renders Prometheus text, for the networks of METRICS_ALLOW only."""
    address = client_address(request)
    if address is None or not is_within(address, settings.METRICS_ALLOW):
        return plain("not allowed from this address, see METRICS_ALLOW", status=403)
    try:
        text = exposition()
    except Error:
        return plain(NO_DATABASE, status=503)
    return HttpResponse(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def some_page(request: HttpRequest) -> str:
    """Renders a page for a visitor in some time zone, which takes templates, static files and the zones."""
    with timezone.override(ZoneInfo("Europe/Vienna")):
        return render_to_string("shell/problems/problem.html", {"problem": NOT_FOUND}, request)


def missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def plain(words: str, *, status: int = 200) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{words}\n", content_type="text/plain", status=status, headers=headers)
