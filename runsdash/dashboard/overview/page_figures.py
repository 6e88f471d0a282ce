"""Holds where the figures of an overview come from, how far they are counted, and what they depend on."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from django.utils import timezone

from runsdash.dashboard.shell.formats import clock_text
from runsdash.dashboard.shell.page_types import TagPart
from runsdash.dashboard.shell.poll_tags import state_tag
from runsdash.index.models import Connection
from runsdash.index.totals.hour_spans import hour_of
from runsdash.index.totals.narrowing import narrowing_of
from runsdash.index.totals.overview_totals import Figures
from runsdash.index.totals.span_reads import Narrowing

from .counted import Counts
from .groups import COLUMN_OF
from .now import NowLine
from .query import OverviewQuery


class PageFigures:
    """Holds the figures that `query` asks for. `among`: all connections there are."""

    def __init__(
        self,
        query: OverviewQuery,
        *,
        among: Sequence[Connection],
        is_old: bool = False,
        seen_until: datetime | None = None,
    ) -> None:
        """`is_old`: in an outage runs are missing, and nothing is compared. `seen_until`: what came before was seen."""
        self.query, self.among, self.now_at = query, list(among), timezone.now()
        self.is_old, self.seen_until = is_old, seen_until
        self.range, self.connection = query.range, query.connection
        self.now = NowLine(query.connection, now=self.now_at)

    @cached_property
    def figures(self) -> Figures:
        now_hour = hour_of(self.now_at)
        if self.narrowing is None:
            return Figures(self.range.span, now_hour=now_hour, counted=lambda: self.counts.reads())
        return Figures(self.range.span, now_hour=now_hour, narrowing=self.narrowing)

    @cached_property
    def narrowing(self) -> Narrowing | None:
        """Returns what the filter asks of sums; None when they do not tell it, so that runs are counted."""
        return narrowing_of(self.query.filter, self.connection)

    @cached_property
    def counts(self) -> Counts:
        spans = (self.range.span, self.figures.before)
        is_plain, now_hour = self.narrowing is not None, hour_of(self.now_at)
        return Counts(self.query, spans=spans, bars=self.figures.bars, is_plain=is_plain, now_hour=now_hour)

    @property
    def state(self) -> tuple[TagPart, ...]:
        """Returns all that sums are drawn from besides the index: whoever sees the same sees the same page."""
        shown = self.range.span, self.range.zone, self.query.values, hour_of(self.now_at)
        return (
            *shown,
            self.is_old,
            self.seen_until,
            [one.slug for one in self.among],
            self.counts.state if self.is_counted else None,
        )

    @property
    def is_counted(self) -> bool:
        """Tells whether runs are counted for this page, since sums do not tell all it shows."""
        return self.query.group not in COLUMN_OF or self.narrowing is None

    @cached_property
    def tag(self) -> str:
        return state_tag(*self.state)

    @property
    def counted_until(self) -> str:
        """Writes how far figures go where they are old: `counted until 14:02`; "" where they are not."""
        if not self.is_old:
            return ""
        return f"counted until {clock_text(self.seen_until)}" if self.seen_until else "as far as known"

    # What is counted

    @property
    def hours_to_count(self) -> int:
        """Returns of how many hours sums are still to be made: until then nothing of the range is a figure."""
        return self.figures.waiting_hours

    @property
    def is_counting(self) -> bool:
        """Tells whether some of the page is still to be counted: the range or what it is compared with."""
        return bool(self.hours_to_count) or not self.figures.has_before or not self.is_all_counted

    @property
    def is_all_counted(self) -> bool:
        return not self.is_counted or self.counts.is_complete

    @property
    def groups_progress(self) -> str:
        """Writes which share of the groups is counted: `42 %`; "" once all of it is."""
        progress = 1.0 if self.query.group in COLUMN_OF else self.counts.progress(self.counts.of_groups)
        return "" if progress >= 1 else f"{100 * progress:.0f} %"
