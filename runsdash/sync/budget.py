"""How many requests the worker may send to a connection, and when it keeps still after failures. Per process."""

from dataclasses import dataclass, field
from time import monotonic

WORKER_SHARE = 0.8  # the rest is for pages
BURST_S = 1.0
LONGEST_PAUSE_S = 60.0


@dataclass
class Budget:
    """Requests per minute as a bucket that holds BURST_S worth of them. `per_min` 0: no limit."""

    per_min: int
    filled: float = field(default=0.0)
    at: float = field(default_factory=monotonic)
    failures: int = 0
    paused_until: float = 0.0

    @property
    def rate(self) -> float:
        return self.per_min * WORKER_SHARE / 60

    def take(self, count: int) -> bool:
        """Spends `count` requests if they are there. Never lets a job starve because it needs more than one burst."""
        if monotonic() < self.paused_until:
            return False
        if not self.per_min:
            return True
        now = monotonic()
        most = max(self.rate * BURST_S, count)
        self.filled = min(most, self.filled + (now - self.at) * self.rate)
        self.at = now
        if self.filled < count:
            return False
        self.filled -= count
        return True

    def heard(self, *, is_good: bool) -> None:
        """After failures the connection is left alone, twice as long each time, up to a minute."""
        if is_good:
            self.failures, self.paused_until = 0, 0.0
            return
        self.failures += 1
        self.paused_until = monotonic() + min(LONGEST_PAUSE_S, 2.0 ** min(self.failures, 6) / 2)
