"""Lets an application tell of its runs: a token, a body of objects, and an answer that names what was refused.

Nothing is sent to an upstream here, and none is asked.
"""

import logging
from time import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from runsdash.accounts.models import ApiToken
from runsdash.accounts.tokens import TokenRefusal, token_of
from runsdash.index.models import Connection
from runsdash.index.storage.unwritable import TROUBLE, why_unwritable

from .lines import NotReadable, lines_of
from .store import store_lines

BODY_BYTES_MAX = 16 * 1024 * 1024
MINUTE_S = 60
SHOWN_REFUSALS = 100
log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def ingest(request: HttpRequest, slug: str) -> JsonResponse:
    """Takes objects of the API into the index: one, JSON lines, an array, a list reply or the text of a stream.

    Where nothing can be written the answer is 503, and the same body may be sent again.
    """
    try:
        return taken_in(request, slug)
    except TROUBLE as error:
        why = why_unwritable(error)
        if not why:
            raise
        log.error("what was sent to %s was refused: %s", slug, why)
        answer = refusal(503, "unwritable", f"{why} Send it again later.")
        answer["Retry-After"] = str(MINUTE_S)
        return answer


def taken_in(request: HttpRequest, slug: str) -> JsonResponse:
    token = token_of(request, "ingest")
    if isinstance(token, TokenRefusal):
        return token
    connection = Connection.objects.filter(slug=slug).first()
    if connection is None:
        return refusal(404, "unknown_connection", f"There is no connection {slug}. An administrator can add one.")
    if not may_send(token):
        most = settings.RUNSDASH_INGEST_PER_MIN
        answer = refusal(
            429, "too_many_requests", f"A token may send {most} times a minute. Send more objects at once."
        )
        answer["Retry-After"] = str(MINUTE_S - int(time()) % MINUTE_S)
        return answer
    body = request.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        return refusal(413, "too_large", "A request may have 16 MB. Send the rest in another one.")
    try:
        lines, refused = lines_of(body, content_type=request.content_type, now=timezone.now())
    except NotReadable as error:
        return refusal(422, "not_readable", str(error))
    taken, not_stored = store_lines(connection, lines)
    refused = sorted([*refused, *not_stored], key=lambda one: one.line)
    shown = [{"line": one.line, "message": one.message} for one in refused[:SHOWN_REFUSALS]]
    told = {"taken": taken, "refused": len(refused), "refusals": shown}
    return JsonResponse(told, status=422 if refused else 200)


def may_send(token: ApiToken) -> bool:
    """Counts the requests of a token in this minute. Two at the same moment may count as one."""
    key = f"ingest:{token.pk}:{int(time()) // MINUTE_S}"
    cache.add(key, 0, timeout=2 * MINUTE_S)
    try:
        return int(cache.incr(key)) <= settings.RUNSDASH_INGEST_PER_MIN
    except ValueError:  # it was cleared meanwhile
        return True


def refusal(status: int, code: str, sentence: str) -> JsonResponse:
    return JsonResponse({"error": {"message": sentence, "code": code}}, status=status)
