"""What a viewer's stream says: server-sent events made of the rows of a run's live output.

Each message is HTML in `hx-partial`s with the key of its last piece as id, so a browser that comes back goes on behind it.
It reads rows and nothing else; it closes after a minute (the browser comes back) and frees its place in any case.
"""

from collections.abc import Iterator
from time import monotonic, sleep

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runsdash.actions.live import output_rows
from runsdash.actions.models import LiveOutput, LivePiece
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.form_answers import partial
from runsdash.index.models import Run

from .live_panel import TURNED_AWAY, Part, parts_in
from .stream_viewers import Place

OPEN_FOR_S = 60.0
LOOK_EVERY_S = 0.25
PING_EVERY_S = 2.0  # a closed tab is noticed by the next write
PING = ": ping\n\n"
FAREWELL = "event: run-changed\ndata: 1\n\nevent: done\ndata: 1\n\n"


def message(html: str, *, key: int | None = None) -> str:
    """One unnamed event; `key` becomes its id. Each line of the HTML is a line of data."""
    numbered = f"id: {key}\n" if key is not None else ""
    return numbered + "".join(f"data: {line}\n" for line in html.split("\n")) + "\n"


class Viewing:
    """One viewer's stream from behind piece `after`; an iterator whose `close` frees the place."""

    def __init__(self, run: Run, *, after: int, place: Place, open_for_s: float = OPEN_FOR_S) -> None:
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
                yield self.told(pieces)
                spoke_at = monotonic()
            elif live is None or not live.is_reading:
                yield farewell(self.run, live)
                return
            elif monotonic() - spoke_at >= PING_EVERY_S:
                yield PING
                spoke_at = monotonic()
            if len(pieces) < output_rows.PIECES_A_LOOK:
                sleep(LOOK_EVERY_S)

    def told(self, pieces: list[LivePiece]) -> str:
        parts = parts_in(pieces)
        html = [self.told_part(key, part) for key, part in parts.items()]
        self.after = pieces[-1].pk
        return message("".join(html), key=self.after)

    def told_part(self, key: str, part: Part) -> SafeString:
        if key in self.names:
            return partial(
                f"#live-text-{self.names[key]}", format_html("<span>{}</span>", visible(part.text)), swap="beforeend"
            )
        self.names[key] = part.id
        section = render_to_string("run/_live_part.html", {"part": part})
        return partial("#live-parts", section, swap="beforeend") + now_at(part)


def now_at(part: Part) -> SafeString:
    """Said once a part begins, not with every word."""
    return partial("#live-status", part.label or part.text)


def farewell(run: Run, live: LiveOutput | None) -> str:
    """How it ended, then the page's poll is asked for the rest, then the end of the stream."""
    if live is None:
        return FAREWELL
    run.refresh_from_db(fields=["status"])
    context = {"run": run, "live": live}
    state, note = (SafeString(render_to_string(f"run/_live_{name}.html", context)) for name in ("state", "note"))
    words = "The stream broke off." if live.is_broken else run.facts.label
    parts = [partial("#live-state", state), partial("#live-note", note), partial("#live-status", words)]
    return message("".join(parts)) + FAREWELL


def no_place() -> str:
    """All places are taken: the page's field says so to its next poll, which brings the text from then on."""
    field = format_html('<input type="hidden" id="live-mode" name="live" value="{}">', TURNED_AWAY)
    return message(partial("#live-mode", field, swap="outerHTML")) + FAREWELL
