"""The panel with a run's live output: its text so far, and how it grows from here.

By a stream of its own while one can be read and a place is free, else by the page's poll. What a reader's page has is told
by a hidden field in the panel (`mode`), which every poll brings along, so that a poll leaves alone what grows by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from runsdash.actions.live import output_rows
from runsdash.actions.models import LiveOutput, LivePiece, LiveState
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Run

from . import stream_viewers

NO_PANEL = ""
TURNED_AWAY = "-"  # told by the stream itself
KIND_ICONS = {"text": "k-message", "arguments": "k-function", "code": "k-code", "logs": "k-code"}
STEP_KINDS = {"text": "message", "arguments": "function", "code": "code", "logs": "code"}


@dataclass
class Part:
    """The pieces of one message or call. Its first piece's key is its id in the page."""

    id: int
    kind: str
    label: str
    texts: list[str] = field(default_factory=list)

    @property
    def icon(self) -> str:
        return KIND_ICONS.get(self.kind, "info")

    @property
    def step_kind(self) -> str:
        return STEP_KINDS.get(self.kind, "queue")

    @property
    def text(self) -> str:
        return "".join(self.texts)


def parts_in(pieces: Iterable[LivePiece]) -> dict[str, Part]:
    """Parts by key, in the order in which they began."""
    parts: dict[str, Part] = {}
    for piece in pieces:
        part = parts.setdefault(piece.part, Part(piece.pk, piece.kind, piece.label))
        part.texts.append(piece.text)
    return parts


class LivePanel:
    """`mode` is what the reader's page has: nothing, a stream of a segment (`s2`), or the text up to a piece (`p81-ended`)."""

    def __init__(self, run: Run, *, mode: str = NO_PANEL) -> None:
        self.run, self.mode = run, mode

    @cached_property
    def live(self) -> LiveOutput | None:
        """Its row, when it tells more than the index."""
        live = output_rows.live_output_of(self.run)
        return live if output_rows.is_wanted(live, self.run) else None

    @cached_property
    def mode_after(self) -> str:
        """What the reader's page has once this answer is in."""
        if self.live is None:
            return NO_PANEL
        streamed = f"s{self.live.segment}"
        if self.mode == streamed:
            return streamed
        if self.live.is_reading and not self.was_turned_away and stream_viewers.has_place():
            return streamed
        return f"p{self.last_key}-{self.live.segment}-{self.live.state}"

    @property
    def was_turned_away(self) -> bool:
        """Did the reader find no place for this segment? Then the poll goes on bringing it."""
        return self.mode == TURNED_AWAY or self.mode.endswith(f"-{self.live.segment}-{LiveState.READING}")

    @property
    def is_streamed(self) -> bool:
        return self.mode_after.startswith("s")

    @property
    def is_polled(self) -> bool:
        return self.mode_after.startswith("p") and self.live.is_reading

    @property
    def has_changed(self) -> bool:
        return self.mode_after != self.mode

    @property
    def swap(self) -> str:
        """A morph keeps scroll and selection; where a stream begins, everything is new."""
        return "outerMorph" if self.mode_after.startswith("p") and self.mode.startswith("p") else "outerHTML"

    @cached_property
    def pieces(self) -> list[LivePiece]:
        return list(output_rows.all_pieces(self.run))

    @cached_property
    def parts(self) -> list[Part]:
        return list(parts_in(self.pieces).values())

    @property
    def last_key(self) -> int:
        return self.pieces[-1].pk if self.pieces else 0

    @property
    def stream_url(self) -> str:
        return run_url(self.run, "run_stream", after=str(self.last_key))
