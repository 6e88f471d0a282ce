"""Streams a run's live output to the panel of its page: server-sent events made of the output's rows.

Each message is HTML in `hx-partial`s. Its id is the key of its last piece, so a browser that comes back goes on
behind it. A stream reads rows and nothing else; it closes after a minute and frees its place in any case.
"""

import re
from collections.abc import Iterator
from time import monotonic, sleep

from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from runsdash.accounts.guards import viewer_required
from runsdash.actions.live import output_rows
from runsdash.actions.models import LiveOutput, LivePiece
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.form_answers import partial
from runsdash.dashboard.shell.lookup import indexed_run
from runsdash.index.models import Run

from .live_panel import TURNED_AWAY, LivePart, parts_in
from .stream_viewers import ViewerPlace, take_place

OPEN_FOR_S = 60.0
LOOK_EVERY_S = 0.25
PING_EVERY_S = 2.0  # a closed tab is noticed by the next write
LINE_END = re.compile("\r\n|\r|\n")
PING = ": ping\n\n"
FAREWELL = "event: run-changed\ndata: 1\n\nevent: done\ndata: 1\n\n"


def message(html: str, *, key: int | None = None) -> str:
    """Writes one unnamed event. `key` becomes its id; each line of the HTML, whatever ends it, is a line of data."""
    numbered = f"id: {key}\n" if key is not None else ""
    return numbered + "".join(f"data: {line}\n" for line in LINE_END.split(html)) + "\n"


class ViewerStream:
    """Iterates over one viewer's events from behind piece `after`; `close` frees the place."""

    def __init__(self, run: Run, *, after: int, place: ViewerPlace, open_for_s: float = OPEN_FOR_S) -> None:
        self.run, self.after, self.place, self.open_for_s = run, after, place, open_for_s
        self.names: dict[str, int] = {}  # ids of the parts that the viewer has
        self.events = self.read()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self.events)

    def close(self) -> None:
        self.events.close()
        self.place.free()

    def read(self) -> Iterator[str]:
        yield PING
        self.names = output_rows.parts_until(self.run, self.after)
        began = spoke_at = monotonic()
        while monotonic() - began < self.open_for_s:
            live = output_rows.live_output_of(self.run)  # before the pieces: when it is over, they are the last
            pieces = list(output_rows.pieces_after(self.run, self.after))
            if pieces:
                yield self.event_of(pieces)
                spoke_at = monotonic()
            elif live is None or not live.is_reading:
                yield farewell(self.run, live)
                return
            elif monotonic() - spoke_at >= PING_EVERY_S:
                yield PING
                spoke_at = monotonic()
            if len(pieces) < output_rows.PIECES_A_LOOK:
                sleep(LOOK_EVERY_S)

    def event_of(self, pieces: list[LivePiece]) -> str:
        parts = parts_in(pieces)
        html = [self.part_html(key, part) for key, part in parts.items()]
        self.after = pieces[-1].pk
        return message("".join(html), key=self.after)

    def part_html(self, key: str, part: LivePart) -> SafeString:
        if key in self.names:
            return partial(
                f"#live-text-{self.names[key]}", format_html("<span>{}</span>", visible(part.text)), swap="beforeend"
            )
        self.names[key] = part.id
        section = render_to_string("run/_live_part.html", {"part": part})
        return partial("#live-parts", section, swap="beforeend") + now_at(part)


def now_at(part: LivePart) -> SafeString:
    """Announces a part when it begins, not with every word."""
    return partial("#live-status", part.label or part.text)


def farewell(run: Run, live: LiveOutput | None) -> str:
    """Says how the output ended, asks the page's poll for the rest, and ends the stream."""
    if live is None:
        return FAREWELL
    run.refresh_from_db(fields=["status"])
    context = {"run": run, "live": live}
    state, note = (SafeString(render_to_string(f"run/_live_{name}.html", context)) for name in ("state", "note"))
    words = "The stream broke off." if live.is_broken else run.facts.label
    parts = [partial("#live-state", state), partial("#live-note", note), partial("#live-status", words)]
    return message("".join(parts)) + FAREWELL


def no_place() -> str:
    """Tells the page that all places are taken: its next poll brings the text from then on."""
    field = format_html('<input type="hidden" id="live-mode" name="live" value="{}">', TURNED_AWAY)
    return message(partial("#live-mode", field, swap="outerHTML")) + FAREWELL


HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
MAX_KEY = 2**63 - 1


@viewer_required
@require_GET
def stream(request: HttpRequest, *, thread_id: str, run_id: str) -> StreamingHttpResponse:
    """Streams from behind `Last-Event-ID`, or from `?after=` on the first connection."""
    run = indexed_run(request, thread_id=thread_id, run_id=run_id)
    after = key_in(request.headers.get("Last-Event-ID")) or key_in(request.GET.get("after"))
    place = take_place()
    events = ViewerStream(run, after=after, place=place) if place else iter([no_place()])
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=HEADERS)


def key_in(text: str | None) -> int:
    """Reads a piece's key; 0 for what is no key."""
    return min(int(text), MAX_KEY) if text and text.isascii() and text.isdecimal() and len(text) < 20 else 0
