"""Keeps what a stream brought so far as rows: whoever watches reads these, never the stream itself.

One row a run says who reads its stream and how it stands; appended pieces hold the text. A piece's key is its place in
the order, so that a viewer who has seen piece N needs `pieces_after(run, N)` and nothing else. Owns these rows alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Length
from django.utils import timezone

from runsdash.actions.models import LiveOutput, LivePiece, LivePieceKind, LiveState
from runsdash.index.models import Run

MAX_CHARS = 256_000  # of one run; the rest comes with its steps and messages
PIECES_A_LOOK = 500
LOST_AFTER = timedelta(seconds=10)  # without a sign of life its reader is gone
KEPT_AFTER_END = timedelta(minutes=5)
KEPT_ANYWAY = timedelta(days=30)  # of a run whose end was never seen
SWEPT_AT_ONCE = 100
LOST = "RunsDash was stopped while it read this stream."


@dataclass(frozen=True, kw_only=True)
class NewText:
    """Holds text of a part that is not in the rows yet. `part` is its key, `label` its heading; `opens`: it begins."""

    part: str
    kind: LivePieceKind
    label: str
    text: str
    opens: bool = False


def begin(run: Run, *, reader: str) -> LiveOutput:
    """Makes `reader` the reader of a run's stream: the first one, or the one that goes on after an answer."""
    with transaction.atomic():
        live, is_first = LiveOutput.objects.get_or_create(run=run, defaults={"reader": reader})
        now = timezone.now()
        LiveOutput.objects.filter(run=run).update(
            segment=F("segment") + 1, reader=reader, state=LiveState.READING, sentence="", beat_at=now
        )
        live.refresh_from_db()
        if not is_first:
            key = f"goes-on-{live.segment}"
            words = NewText(part=key, kind=LivePieceKind.EVENT, label="", text="The run goes on.", opens=True)
            LivePiece.objects.bulk_create([piece_of(run, words)])
    return live


def append(live: LiveOutput, texts: Iterable[NewText]) -> bool:
    """Adds new text and a sign of life. False when another reader has taken over: nothing is written then."""
    pieces = [piece_of(live.run, text) for text in texts]
    with transaction.atomic():
        mine = LiveOutput.objects.filter(run=live.run_id, reader=live.reader, state=LiveState.READING)
        if not mine.update(beat_at=timezone.now()):
            return False
        LivePiece.objects.bulk_create(pieces)
    return True


def end(live: LiveOutput, *, sentence: str = "") -> None:
    """Marks the stream as over; with a `sentence` it broke off, and that says why."""
    state = LiveState.BROKEN if sentence else LiveState.ENDED
    mine = LiveOutput.objects.filter(run=live.run_id, reader=live.reader)
    mine.update(state=state, sentence=sentence[:2000], beat_at=timezone.now())


def piece_of(run: Run, new: NewText) -> LivePiece:
    return LivePiece(run=run, part=new.part[:200], kind=new.kind, label=new.label[:200], text=new.text, opens=new.opens)


def lengths(run: Run) -> dict[str, int]:
    """Counts the characters kept so far, by part."""
    sums = LivePiece.objects.filter(run=run).order_by().values_list("part").annotate(chars=Sum(Length("text")))
    return dict(sums)


# Looking


def live_output_of(run: Run) -> LiveOutput | None:
    """Says how the run's stream stands."""
    return as_it_stands(LiveOutput.objects.filter(run=run).first())


def as_it_stands(live: LiveOutput | None) -> LiveOutput | None:
    """Calls a stream broken whose reader gives no sign of life."""
    if live and live.state == LiveState.READING and timezone.now() - live.beat_at > LOST_AFTER:
        live.state, live.sentence = LiveState.BROKEN, LOST
    return live


def is_wanted(live: LiveOutput | None, run: Run) -> bool:
    """Tells whether it shows more than the index does."""
    return live is not None and (live.is_reading or not run.is_settled)


def pieces_after(run: Run, key: int) -> QuerySet[LivePiece]:
    """Returns the next pieces, oldest first."""
    return LivePiece.objects.filter(run=run, id__gt=key).order_by("id")[:PIECES_A_LOOK]


def all_pieces(run: Run) -> QuerySet[LivePiece]:
    return LivePiece.objects.filter(run=run).order_by("id")


def sweep_live_output() -> int:
    """Deletes what nobody needs any more and returns of how many runs. A chore of the worker."""
    now = timezone.now()
    old = LiveOutput.objects.select_related("run__connection").filter(beat_at__lt=now - KEPT_AFTER_END)
    gone = [
        live.pk
        for live in old.order_by("beat_at")[:SWEPT_AT_ONCE]
        if live.run.is_settled or live.beat_at < now - KEPT_ANYWAY
    ]
    LivePiece.objects.filter(run__in=gone).delete()
    LiveOutput.objects.filter(pk__in=gone).delete()
    return len(gone)
