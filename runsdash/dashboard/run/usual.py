"""Draws how long a run takes beside what is usual: a track with a logarithmic scale, in percent."""

from dataclasses import dataclass
from math import log

from runsdash.dashboard.shell.formats import duration_text
from runsdash.index.totals.usual_times import UsualTime

P95_AT = 94.0  # percent of the track


@dataclass(frozen=True, kw_only=True)
class UsualTrack:
    """Holds how far the run is, and where the median and the 95th percentile stand."""

    usual: UsualTime
    so_far_s: int

    def percent(self, seconds: float) -> float:
        return round(min(100.0, log(1 + seconds) / log(1 + max(1, self.usual.p95_s)) * P95_AT), 1)

    @property
    def words(self) -> str:
        usual = self.usual
        return (
            f"{duration_text(self.so_far_s)} so far; usual {duration_text(usual.median_s)},"
            f" p95 {duration_text(usual.p95_s)}"
        )

    @property
    def so_far(self) -> float:
        return self.percent(self.so_far_s)

    @property
    def median(self) -> float:
        return self.percent(self.usual.median_s)

    @property
    def p95(self) -> float:
        return P95_AT

    @property
    def median_anchor(self) -> str:
        """Chooses how the median's figure stands below its mark: to the left of it where the other one is near."""
        return "middle" if 8 < self.median < P95_AT - 20 else "end" if self.median > 8 else "start"
