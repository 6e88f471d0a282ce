"""Writes how a figure changed against the same length before. Says nothing where nothing can be said."""

from dataclasses import dataclass

from runsdash.dashboard.shell import formats
from runsdash.index.totals.worse import MIN_RUNS, is_higher

NOT_COUNTED = "change not yet counted"


@dataclass(frozen=True)
class Change:
    """Holds the words of a change, and its tone: "bad", "good" or none."""

    text: str
    tone: str = ""


NO_RUNS = Change("no runs before")


def of_count(now: int, before: int, *, is_bad: bool = False, short: bool = False) -> Change:
    """Writes `+28 (up 13 %)`, of what is bad `+5, was 4`."""
    change = now - before
    if not change:
        return Change("as before")
    if is_bad:
        return Change(f"{signed(change)}, was {before:,}", "bad" if change > 0 else "good")
    return Change(signed(change) + ("" if short else percent(now, before)))


def of_tokens(now: int, before: int) -> Change:
    """Writes `+4 %`, and the number where there were none before."""
    if now == before or (before and abs(now - before) / before < 0.005):
        return Change("as before")
    if not before:
        return Change(f"+{formats.short_count_text(now)}")
    return Change(f"{'+' if now > before else '−'}{abs(now - before) / before:,.0%}".replace("%", " %"))


def of_cost(now: float, before: float, *, short: bool = False) -> Change:
    """Writes `−$0.42 (down 10 %)`."""
    change = now - before
    if abs(change) < 0.005:
        return Change("as before")
    return Change(
        f"{'+' if change > 0 else '−'}{formats.costs_text(abs(change))}" + ("" if short else percent(now, before))
    )


def of_share(now: tuple[int, int], before: tuple[int, int], *, short: bool = False) -> Change:
    """Writes `was 4.3 %, 21 against 9`. Both: (how many, of how many)."""
    if not before[1]:
        return NO_RUNS
    was = before[0] / before[1]
    if not now[0] and not before[0]:
        return Change("as before")
    words = f"was {share(was)}" + ("" if short else f", {now[0]:,} against {before[0]:,}")
    return Change(words, "bad" if is_higher(now, before) else "")


def of_seconds(now: int | None, before: int | None, *, runs: int, name: str = "", growth: float = 1.2) -> Change:
    """Writes `p95 was 2 m 40 s`. `runs`: the fewest completed runs of both times; a few say nothing."""
    if runs < MIN_RUNS or now is None or before is None:
        return Change("too few runs")
    if max(now, 1) <= max(before, 1) * growth and max(before, 1) <= max(now, 1) * growth:
        return Change("as before")
    words = f"{name} was {formats.duration_text(before)}".strip()
    return Change(words, "bad" if now > before else "")


def share(value: float) -> str:
    return f"{100 * value:.1f} %"


def signed(change: int) -> str:
    return f"{'+' if change > 0 else '−'}{abs(change):,}"


def percent(now: float, before: float) -> str:
    if not before:
        return ""
    change = (now - before) / before
    return f" ({'up' if change > 0 else 'down'} {abs(change) * 100:.0f} %)" if abs(change) >= 0.005 else ""
