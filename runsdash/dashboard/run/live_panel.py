"""The panel with a run's live output: its text so far, and what a poll adds to it.

A hidden field in the panel says what the page has (`PanelState`). Every poll brings it along and gets what came since,
so nothing is sent twice and what a person reads or marks stays as it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from runsdash.actions.live import output_rows
from runsdash.actions.models import LiveOutput, LivePiece
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.form_answers import partial
from runsdash.index.models import Run

STATE = re.compile("p([0-9]{1,18})-([0-9]{1,9})-([a-z]{1,10})")
STEP_KINDS = {"text": "message", "arguments": "function", "code": "code", "logs": "code"}


@dataclass
class LivePart:
    """Holds the pieces of one message or call. `opens`: its first piece is among them."""

    key: str
    kind: str
    label: str
    opens: bool
    texts: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Returns its id in the page."""
        return blake2b(self.key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()

    @property
    def icon(self) -> str:
        return f"k-{self.step_kind}" if self.kind in STEP_KINDS else "info"

    @property
    def step_kind(self) -> str:
        return STEP_KINDS.get(self.kind, "queue")

    @property
    def text(self) -> str:
        return "".join(self.texts)


def parts_in(pieces: Iterable[LivePiece]) -> list[LivePart]:
    """Joins pieces to parts, in the order in which they began."""
    parts: dict[str, LivePart] = {}
    for piece in pieces:
        part = parts.setdefault(piece.part, LivePart(piece.part, piece.kind, piece.label, piece.opens))
        part.texts.append(piece.text)
    return list(parts.values())


@dataclass(frozen=True)
class PanelState:
    """Says what a page has of the live output: `p81-2-ended` is the text up to piece 81 of a segment 2 that ended."""

    last_key: int
    segment: int
    output_state: str

    @classmethod
    def parse(cls, text: str) -> "PanelState | None":
        """Reads the hidden field; None for a page without a panel."""
        match = STATE.fullmatch(text) if text.isascii() else None
        return cls(int(match[1]), int(match[2]), match[3]) if match else None

    def __str__(self) -> str:
        return f"p{self.last_key}-{self.segment}-{self.output_state}"


class LivePanel:
    """Compares what a reader's page has of the live output (`shown`) with what there is. Its run comes with marks."""

    def __init__(self, run: Run, *, shown: str = "") -> None:
        self.run, self.shown = run, PanelState.parse(shown)

    @cached_property
    def live(self) -> LiveOutput | None:
        """Returns the row of the live output when it says more than the index."""
        live = output_rows.as_it_stands(getattr(self.run, "live_output", None))
        return live if output_rows.is_wanted(live, self.run) else None

    @property
    def state(self) -> str:
        """Names how the output stands, but for its text."""
        return f"{self.live.segment}-{self.live.state}" if self.live else ""

    @property
    def is_growing(self) -> bool:
        return self.live is not None and self.live.is_reading

    @property
    def is_replaced(self) -> bool:
        """Tells whether the page lacks the panel, or has one that goes away."""
        return (self.live is None) != (self.shown is None)

    @property
    def has_news(self) -> bool:
        """Tells whether there is text that the page lacks. Costs no statement."""
        return self.live is not None and (self.shown is None or (self.run.last_piece or 0) > self.shown.last_key)

    @property
    def has_turned(self) -> bool:
        """Tells whether the page shows the output in another state: it ended, broke off or goes on."""
        if self.live is None or self.shown is None:
            return False
        return (self.shown.segment, self.shown.output_state) != (self.live.segment, str(self.live.state))

    @cached_property
    def pieces(self) -> list[LivePiece]:
        """Reads what the page lacks: everything, or the next pieces."""
        if self.shown is None:
            return list(output_rows.all_pieces(self.run))
        return list(output_rows.pieces_after(self.run, self.shown.last_key)) if self.has_news else []

    @cached_property
    def parts(self) -> list[LivePart]:
        return parts_in(self.pieces)

    @property
    def now(self) -> PanelState | None:
        """Says what the page has after this answer; None where it has no panel."""
        if self.live is None:
            return None
        last_key = self.pieces[-1].pk if self.pieces else self.shown.last_key if self.shown else 0
        return PanelState(last_key, self.live.segment, str(self.live.state))

    @property
    def turn(self) -> str:
        """Tells in a few words how the output stands now."""
        if self.live is not None and self.live.is_broken:
            return "The stream broke off."
        return "The run goes on." if self.is_growing else self.run.facts.label

    @property
    def growth(self) -> SafeString:
        """Renders what the page lacks, each text behind what is there, and the field that says so."""
        mode = format_html('<input type="hidden" id="live-mode" name="live" value="{}">', str(self.now))
        added = format_html_join("", "{}", ((grown(part),) for part in self.parts))
        return added + partial("#live-mode", mode, swap="outerHTML")


def grown(part: LivePart) -> SafeString:
    """Renders a part that begins, which is announced, or more text of one that is there."""
    if not part.opens:
        text = format_html("<span>{}</span>", visible(part.text))
        return partial(f"#live-text-{part.id}", text, swap="beforeend")
    section = SafeString(render_to_string("run/_live_part.html", {"part": part}))
    return partial("#live-parts", section, swap="beforeend") + partial("#live-status", part.label or part.text)
