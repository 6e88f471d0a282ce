"""A run's live output as server-sent events, for the panel of its page. Not for scripts."""

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_GET

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.shell.lookup import known_run

from .live_stream import Viewing, no_place
from .stream_viewers import take_place

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
MAX_KEY = 2**63 - 1


@viewer_required
@require_GET
def stream(request: HttpRequest, *, thread_id: str, run_id: str) -> StreamingHttpResponse:
    """From behind `Last-Event-ID`, or `?after=` on the first connection; the page that links here has shown what is before."""
    run = known_run(request, thread_id=thread_id, run_id=run_id)
    after = key_in(request.headers.get("Last-Event-ID")) or key_in(request.GET.get("after"))
    place = take_place()
    events = Viewing(run, after=after, place=place) if place else iter([no_place()])
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=HEADERS)


def key_in(text: str | None) -> int:
    """0 for what is no key."""
    return min(int(text), MAX_KEY) if text and text.isascii() and text.isdecimal() and len(text) < 20 else 0
