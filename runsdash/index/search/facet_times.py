"""Says how long counting the runs of a filter by value may take, phase by phase."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FacetTimes:
    """Says when each phase is over, in seconds from the beginning. What a last statement takes comes on top.

                find         count by index         count by walking
          0 ────────── find_s ───────────── index_s ──────────────── walk_s
    QUICK        0.02                0.03            none
    EXACT        0.5                 0.7                      0.9

    find: ids of the runs, newest first. SAMPLED at a time, as they are counted; up to CAP at once where nothing else
    says how many there are. Of a list of more than CAP, the newest SAMPLED.
    count by index: those ids by value, then for each value of a larger list what an index says of all its runs.
    count by walking: what no index said. Two thirds of the time left for all values of a list together, what is
    left then value by value.

    The times say when nothing more is begun; of each list the first SAMPLED runs are looked for, and COUNTED_AT_ONCE of
    them counted, in any case. What is not counted by then has at least what those have. To find ids takes a list no
    longer than `statement_s`, whatever `find_s` says, and an index of at most `gathered` entries is read whole there.
    """

    find_s: float
    index_s: float
    walk_s: float
    statement_s: float
    gathered: int

    def after(self, spent_s: float) -> "FacetTimes":
        """Returns shorter times, for a first look that has taken some for other things already."""
        left_s = max(LEAST_S, FIRST_LOOK_S - spent_s)
        return replace(self, find_s=min(self.find_s, left_s), index_s=min(self.index_s, left_s))


FIRST_LOOK_S, LEAST_S = 0.03, 0.01
QUICK = FacetTimes(find_s=0.02, index_s=0.03, walk_s=0.0, statement_s=0.4, gathered=5_000)
EXACT = FacetTimes(find_s=0.5, index_s=0.7, walk_s=0.9, statement_s=0.8, gathered=20_000)
