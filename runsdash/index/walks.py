"""Keeps how far a walk through runs, messages or steps has got, in columns of their owner.

Of each list there is `<list>_cursor`, `has_all_<list>` and `<list>_doubted_at`. A walk under way has a cursor. One that
came to its end and may have missed something is doubted: it has no cursor, rests, and begins anew after WALK_AGAIN.
"""

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from runsdash.index.storage.column_types import Columns
from runsdash.index.storage.storable_text import stored_id
from runsdash.service.objects import Page
from runsdash.service.paging import Seen, stage_after

ListName = Literal["runs", "messages", "steps"]
WALK_AGAIN = timedelta(hours=1)  # a server may have been mended


class StepsOwner(Protocol):
    """Names the columns of the walk through steps."""

    has_all_steps: bool
    steps_cursor: str
    steps_doubted_at: datetime | None


def rests(owner: Model | StepsOwner, list_name: ListName) -> bool:
    """Says whether a walk ended in doubt too recently to begin it anew."""
    if getattr(owner, f"has_all_{list_name}") or getattr(owner, f"{list_name}_cursor"):
        return False
    doubted_at: datetime | None = getattr(owner, f"{list_name}_doubted_at")
    return doubted_at is not None and doubted_at > timezone.now() - WALK_AGAIN


def resting_steps() -> Q:
    """Matches runs whose walk through their steps rests."""
    return doubted_since(timezone.now() - WALK_AGAIN)


def doubted_since(moment: datetime) -> Q:
    """Matches runs whose walk through their steps had an end in doubt, after a moment."""
    return Q(steps_cursor="", steps_doubted_at__gt=moment)


def resting_steps_sql(run: str) -> tuple[str, list[Any]]:
    """Says the same as SQL of the table `run`, with its parameters."""
    since = connection.ops.adapt_datetimefield_value(timezone.now() - WALK_AGAIN)
    return f"{run}.steps_cursor = '' AND {run}.steps_doubted_at > %s", [since]


def walk_columns(
    owner: Model,
    list_name: ListName,
    page: Page[Any],
    *,
    after: str,
    known_rows: QuerySet[Any],
    newest_first: bool = True,
) -> Columns:
    """Computes the walk's columns after a page that is not stored yet. `known_rows` are rows of such items."""
    seen = seen_before(page, after=after, known_rows=known_rows, newest_first=newest_first) if after else {}
    doubted_at = getattr(owner, f"{list_name}_doubted_at") if after else None
    stage = stage_after(page, after=after or None, seen=seen, is_doubted=doubted_at is not None)
    cursor = stored_id(stage.cursor or "")
    is_over = stage.is_over or cursor == after
    is_doubted = stage.is_doubted or (is_over and not stage.is_over)
    return {
        f"has_all_{list_name}": is_over and not is_doubted,
        f"{list_name}_cursor": "" if is_over and is_doubted else cursor,
        f"{list_name}_doubted_at": (doubted_at or timezone.now()) if is_doubted else None,
    }


def seen_before(page: Page[Any], *, after: str, known_rows: QuerySet[Any], newest_first: bool) -> Seen:
    """Returns what a walk that got to `after` has seen of a page: rows up to there. Others may have stored more."""
    ids = {item.id: stored_id(item.id) for item in page.received}
    known = dict(known_rows.filter(upstream_id__in=[*ids.values(), after]).values_list("upstream_id", "created_at"))
    cursor_at = known.get(after)
    if cursor_at is None:
        return {}
    found = {raw: known[stored] for raw, stored in ids.items() if stored in known and stored != after}
    return {raw: at for raw, at in found.items() if (at >= cursor_at if newest_first else at <= cursor_at)} | {
        after: cursor_at
    }
