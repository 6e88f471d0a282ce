"""The panel with a run's live output: its text so far, and how it grows from here.

It grows by a stream of its own while one can be read and a place is free, else by the page's poll. A hidden field in
the panel says which (`PanelMode`). Every poll brings the field along, so a poll leaves alone what grows by itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from runsdash.actions.live import output_rows
from runsdash.actions.models import LiveOutput, LivePiece
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Run

from . import stream_viewers

STREAMED = re.compile("s([0-9]{1,9})")
POLLED = re.compile("p([0-9]{1,19})-([0-9]{1,9})-([a-z]{1,10})")
STEP_KINDS = {"text": "message", "arguments": "function", "code": "code", "logs": "code"}


@dataclass
class LivePart:
    """Holds the pieces of one message or call. The key of the first piece is its id in the page."""

    id: int
    kind: str
    label: str
    texts: list[str] = field(default_factory=list)

    @property
    def icon(self) -> str:
        return f"k-{self.step_kind}" if self.kind in STEP_KINDS else "info"

    @property
    def step_kind(self) -> str:
        return STEP_KINDS.get(self.kind, "queue")

    @property
    def text(self) -> str:
        return "".join(self.texts)


def parts_in(pieces: Iterable[LivePiece]) -> dict[str, LivePart]:
    """Joins pieces to parts by key, in the order in which they began."""
    parts: dict[str, LivePart] = {}
    for piece in pieces:
        part = parts.setdefault(piece.part, LivePart(piece.pk, piece.kind, piece.label))
        part.texts.append(piece.text)
    return parts


class Feed(Enum):
    """Names where a reader's panel gets more text from."""

    NONE = ""  # there is no panel
    STREAM = "s"
    POLL = "p"
    TURNED_AWAY = "-"  # by the stream, which had no place; the next poll brings text


@dataclass(frozen=True)
class PanelMode:
    """Says what a reader's page has of the live output, as the hidden field writes it.

    `s2` is a stream of segment 2, `p81-2-ended` the text up to piece 81 of a segment 2 that has ended.
    """

    feed: Feed = Feed.NONE
    segment: int = 0
    last_key: int = 0
    output_state: str = ""

    @classmethod
    def parse(cls, text: str) -> "PanelMode":
        """Reads the field. What is no mode of ours is a page without a panel."""
        if match := STREAMED.fullmatch(text):
            return cls(Feed.STREAM, segment=int(match[1]))
        if match := POLLED.fullmatch(text):
            return cls(Feed.POLL, segment=int(match[2]), last_key=int(match[1]), output_state=match[3])
        return TURNED_AWAY if text == str(TURNED_AWAY) else NO_PANEL

    def __str__(self) -> str:
        if self.feed is Feed.STREAM:
            return f"s{self.segment}"
        return f"p{self.last_key}-{self.segment}-{self.output_state}" if self.feed is Feed.POLL else self.feed.value


NO_PANEL = PanelMode()
TURNED_AWAY = PanelMode(Feed.TURNED_AWAY)


class LivePanel:
    """Chooses how a reader's panel grows. `mode`: what the page has, `mode_after`: what it has after this answer."""

    def __init__(self, run: Run, *, mode: str = "") -> None:
        self.run, self.mode = run, PanelMode.parse(mode)

    @cached_property
    def live(self) -> LiveOutput | None:
        """Returns the row of the live output when it says more than the index."""
        live = output_rows.live_output_of(self.run)
        return live if output_rows.is_wanted(live, self.run) else None

    @cached_property
    def mode_after(self) -> PanelMode:
        """Continues a stream that was begun; begins one while the run is read and a place is free; else polls."""
        if self.live is None:
            return NO_PANEL
        streamed = PanelMode(Feed.STREAM, segment=self.live.segment)
        if self.mode == streamed:
            return streamed
        if self.live.is_reading and not self.was_turned_away and stream_viewers.has_place():
            return streamed
        return PanelMode(
            Feed.POLL, segment=self.live.segment, last_key=self.last_key, output_state=str(self.live.state)
        )

    @property
    def was_turned_away(self) -> bool:
        """Tells whether the reader found no place for this segment: then polls go on bringing it."""
        has_polled = (self.mode.segment, self.mode.output_state) == (self.live.segment, str(self.live.state))
        return self.mode == TURNED_AWAY or (self.mode.feed is Feed.POLL and has_polled)

    @property
    def is_streamed(self) -> bool:
        return self.mode_after.feed is Feed.STREAM

    @property
    def is_polled(self) -> bool:
        return self.mode_after.feed is Feed.POLL and self.live.is_reading

    @property
    def has_changed(self) -> bool:
        return self.mode_after != self.mode

    @property
    def swap(self) -> str:
        """Chooses a morph, which keeps scroll and selection, unless a stream begins and everything is new."""
        return "outerMorph" if self.mode.feed is self.mode_after.feed is Feed.POLL else "outerHTML"

    @cached_property
    def pieces(self) -> list[LivePiece]:
        return list(output_rows.all_pieces(self.run))

    @cached_property
    def parts(self) -> list[LivePart]:
        return list(parts_in(self.pieces).values())

    @property
    def last_key(self) -> int:
        return self.pieces[-1].pk if self.pieces else 0

    @property
    def stream_url(self) -> str:
        return run_url(self.run, "run_stream", after=str(self.last_key))
