"""How far the walks through a thread's runs and messages and a run's steps have got, kept in columns of their owner.

For each there is `<what>_cursor`, `has_all_<what>` and `<what>_doubted_at`. A walk under way has a cursor. One that came to
its end and may have missed something has none, and its doubt: it rests, and is begun anew after WALK_AGAIN.
"""

from datetime import timedelta
from typing import Literal

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from runsdash.index.storage.storable_text import stored_id
from runsdash.service.objects import Page
from runsdash.service.paging import stage_after

What = Literal["runs", "messages", "steps"]
WALK_AGAIN = timedelta(hours=1)  # servers are mended


def rests(owner: Model, what: What) -> bool:
    """Did the walk end in doubt, too lately to begin it anew?"""
    if getattr(owner, f"has_all_{what}") or getattr(owner, f"{what}_cursor"):
        return False
    doubted_at = getattr(owner, f"{what}_doubted_at")
    return doubted_at is not None and doubted_at > timezone.now() - WALK_AGAIN


def resting_steps() -> Q:
    """Runs whose walk through their steps rests."""
    return Q(steps_cursor="", steps_doubted_at__gt=timezone.now() - WALK_AGAIN)


def walked(
    owner: Model, what: What, page: Page, *, after: str, there: QuerySet, newest_first: bool = True
) -> dict[str, object]:
    """The columns of `owner` after a page, which is not taken yet. `there`: rows of such items in the index."""
    seen = seen_before(page, after=after, there=there, newest_first=newest_first) if after else {}
    doubted_at = getattr(owner, f"{what}_doubted_at") if after else None
    stage = stage_after(page, after=after or None, seen=seen, is_doubted=doubted_at is not None)
    cursor = stored_id(stage.cursor or "")
    is_over = stage.is_over or cursor == after
    is_doubted = stage.is_doubted or (is_over and not stage.is_over)
    return {
        f"has_all_{what}": is_over and not is_doubted,
        f"{what}_cursor": "" if is_over and is_doubted else cursor,
        f"{what}_doubted_at": (doubted_at or timezone.now()) if is_doubted else None,
    }


def seen_before(page: Page, *, after: str, there: QuerySet, newest_first: bool) -> dict[str, object]:
    """What a walk that got to `after` has seen of a page: rows that are not behind it. Others may know more."""
    ids = {item.id: stored_id(item.id) for item in page.received}
    known = dict(there.filter(upstream_id__in=[*ids.values(), after]).values_list("upstream_id", "created_at"))
    cursor_at = known.get(after)
    if cursor_at is None:
        return {}
    found = {raw: known[stored] for raw, stored in ids.items() if stored in known}
    found = {raw: at for raw, at in found.items() if (at >= cursor_at if newest_first else at <= cursor_at)}
    return {**found, after: cursor_at}
