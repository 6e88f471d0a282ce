"""Tells where else an error was met lately: how often, by hour, and by assistant. Asks for names alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse

from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.storage import page_reads
from runsdash.index.storage.run_reads import ALIKE_MOST, AlikeRun

HOURS, HOUR_S = 24, 3600
NAMED = 3  # assistants


@dataclass(frozen=True, kw_only=True)
class HourBar:
    """Holds one bar of the small chart, in percent and pixels of 14."""

    x: float
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class AlikeRuns:
    """Holds figures of runs with the same end and the same code, newest first, this one among them."""

    runs: Sequence[AlikeRun]
    now: datetime
    connection_id: int

    @property
    def count(self) -> int:
        return len(self.runs)

    @property
    def is_at_least(self) -> bool:
        return len(self.runs) >= ALIKE_MOST

    @cached_property
    def by_hour(self) -> list[int]:
        """Counts those of the last day, the oldest hour first."""
        now_s = int(self.now.timestamp())
        counts = Counter(int((now_s - run.second) / HOUR_S) for run in self.runs)
        return [counts[HOURS - 1 - at] for at in range(HOURS)]

    @property
    def today(self) -> int:
        return sum(self.by_hour)

    @property
    def bars(self) -> list[HourBar]:
        counts = self.by_hour
        most, step = max(counts) or 1, 100 / HOURS
        heights = [max(0.5, round(count / most * 14, 1)) for count in counts]
        return [HourBar(x=round(at * step, 1), y=14 - height, height=height) for at, height in enumerate(heights)]

    @property
    def assistants(self) -> list[tuple[str, str, int]]:
        """Returns name, address of their runs and count of the assistants it happened to most."""
        counts = Counter(run.assistant_id for run in self.runs if run.assistant_id).most_common(NAMED)
        names = page_reads.assistant_names(self.connection_id, [one for one, _ in counts])
        return [(names.get(one) or one, runs_url(Clause("assistant", one)), count) for one, count in counts]


def runs_url(*clauses: Clause) -> str:
    """Returns the address of the run list with a filter."""
    return f"{reverse('runs')}?{urlencode({'q': str(RunFilter(clauses))})}"
