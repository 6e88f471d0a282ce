"""Takes what browsers say of broken rules of the Content-Security-Policy: a page of ours that is wrong, or an attack.

Anybody may send such a report, so few a minute of an address are taken. One that is taken is a line of the log and
counts in /metrics; the rest costs no statement.
"""

import contextlib
import logging
from collections import Counter
from threading import Lock
from time import time
from urllib.parse import urlsplit

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from runsdash.accounts.addresses import client_address
from runsdash.audit.redaction import redacted_text
from runsdash.service.decoding import Undecodable, decode_json

TYPES = ("application/csp-report", "application/json")
BODY_BYTES_MAX = 8 * 1024
SHOWN_CHARS = 200
MINUTE_S = 60
OF_ADDRESS, OF_ALL = 10, 60  # reports a minute that one process takes
NAMES = ("effective-directive", "violated-directive", "line-number", "column-number", "disposition")
ADDRESSES = ("document-uri", "blocked-uri", "source-file")
COUNT = "policy-reports"
log = logging.getLogger(__name__)


class Minute:
    """Counts what came in this minute, by address."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.number = 0
        self.counts: Counter[str] = Counter()

    def takes(self, address: str) -> bool:
        with self.lock:
            if (number := int(time()) // MINUTE_S) != self.number:
                self.number, self.counts = number, Counter()
            if self.counts[address] >= OF_ADDRESS or self.counts.total() >= OF_ALL:
                return False
            self.counts[address] += 1
            return True


MINUTE = Minute()


@csrf_exempt
@require_POST
def policy_report(request: HttpRequest) -> HttpResponse:
    """Answers 204 whatever a report says; 413, 415 or 429 without a look at it."""
    if request.content_type not in TYPES:
        return HttpResponse(status=415)
    if not MINUTE.takes(str(client_address(request))):
        return HttpResponse(status=429, headers={"Retry-After": str(MINUTE_S)})
    body = request.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        return HttpResponse(status=413)
    if words := words_of(body):
        log.warning("A browser reports a broken rule of the Content-Security-Policy: %s", words)
        count_one()
    return HttpResponse(status=204)


def words_of(body: bytes) -> str:
    """Names what was broken where, each value quoted and cut; nothing when it is no report. The sample is left out."""
    try:
        value = decode_json(body)
    except Undecodable:
        return ""
    report = value.get("csp-report") if isinstance(value, dict) else None
    if not isinstance(report, dict):
        return ""
    said = {name: str(report[name]) for name in NAMES if isinstance(report.get(name), str | int)}
    said |= {name: without_query(text) for name in ADDRESSES if isinstance(text := report.get(name), str)}
    return ", ".join(f"{name} {redacted_text(text)[:SHOWN_CHARS]!r}" for name, text in said.items() if text)


def without_query(address: str) -> str:
    """Cuts off what people searched for, and who they said they were."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "unreadable"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def count_one() -> None:
    with contextlib.suppress(DatabaseError, ValueError):  # no place to count, or cleared away at this moment
        cache.add(COUNT, 0, timeout=None)
        cache.incr(COUNT)


def counted() -> int:
    """Returns how many reports were taken since the cache was last cleared."""
    return int(cache.get(COUNT, 0))
