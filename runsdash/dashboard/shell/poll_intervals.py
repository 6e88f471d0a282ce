"""Chooses how often a page asks again: soon after a change, then ever slower, and not at all at the end.

A 304 changes nothing on a page, so the interval itself is part of its tag.
A poll tells the interval it was given (`?every=`), and that says how old a copy may be for it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.http import HttpRequest

from runsdash.dashboard.shell.page_types import AnyRun
from runsdash.index.models import Run

LIVE_S, FAST_S, CALM_S, SLOW_S = 1, 2, 5, 10  # LIVE_S: while text comes by a stream
OVERVIEW_S, BATCH_S = CALM_S, FAST_S
FRAME_S = SLOW_S  # of pages that have no poll of their own
CALM_AFTER_S, SLOW_AFTER_S = 15, 60  # seconds without a change
TICK_S = 10  # the age of a copy that could not be read again is redrawn at most this often
# A poll shows a copy as it is up to this share of its interval. However many look, the upstream is read 1 / 0.9 times
# an interval at most; the rest is room for a browser's timer: somebody who looks alone gets news with every poll.
FRESH_SHARE = 0.9


def interval_s(run: Run, *, changed_at: datetime, now: datetime) -> int | None:
    """Returns seconds until the page asks again; None when the run has ended and all of it is here."""
    if run.is_settled:
        return None
    if run.facts.is_terminal:
        return CALM_S if run.trouble else FAST_S  # the rest of its steps is on the way
    if run.is_overdue(now) or not run.facts.is_known:
        return SLOW_S
    if run.facts.is_waiting:
        return FAST_S  # whoever answers it here, everybody who looks sees it within three seconds
    quiet_s = (now - changed_at).total_seconds()
    if quiet_s < CALM_AFTER_S and not run.trouble:
        return FAST_S
    return CALM_S if quiet_s < SLOW_AFTER_S else SLOW_S


def inbox_interval_s(*, is_soon: bool) -> int:
    """Returns seconds until the inbox asks again. `is_soon`: a run that can still be answered is about to expire."""
    return FAST_S if is_soon else CALM_S


def run_list_interval_s(active: Sequence[AnyRun]) -> int:
    """Returns seconds until a list of runs asks again: sooner while some of its runs are active."""
    return CALM_S if active else SLOW_S


def fresh_for_s(interval_s: int) -> float:
    """Returns for how many seconds a copy is fresh to polls with this interval."""
    return interval_s * FRESH_SHARE


def max_age_for_poll_s(request: HttpRequest, *, otherwise: float) -> float:
    """Returns how old a copy this poll may show, by its `?every=`; `otherwise` for no interval of ours."""
    interval = request.GET.get("every", "")
    if interval == str(LIVE_S):  # it looks for text, which is here already, so the run is read no sooner
        interval = str(FAST_S)
    return fresh_for_s(int(interval)) if interval in {str(one) for one in (FAST_S, CALM_S, SLOW_S)} else otherwise


def last_change(run: Run, moments: Iterable[datetime | None]) -> datetime:
    """Returns the newest moment that is known to have changed something."""
    return max([moment for moment in [run.status_since, run.created_at, *moments] if moment is not None])
