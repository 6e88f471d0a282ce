"""Logs what browsers say of broken rules of the Content-Security-Policy: a page of ours that is wrong, or an attack."""

import json
import logging

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

MAX_BYTES, SHOWN_CHARS = 8 * 1024, 200
FIELDS = ("effective-directive", "blocked-uri", "document-uri", "source-file", "line-number")
log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def policy_report(request: HttpRequest) -> HttpResponse:
    """Takes a report from the browser of somebody who is signed in; a stranger's leaves no line in the log."""
    if request.user.is_authenticated and int(request.headers.get("Content-Length") or 0) <= MAX_BYTES:
        try:
            report = json.loads(request.body)["csp-report"]
            words = [f"{name} {str(report[name])[:SHOWN_CHARS]!r}" for name in FIELDS if report.get(name)]
        except (ValueError, KeyError, TypeError, AttributeError):
            words = []
        if words:
            log.warning("A browser reports a broken rule of the Content-Security-Policy: %s", ", ".join(words))
    return HttpResponse(status=204)
