"""Keeps messages of one second in order although they come in several pages, newest pages first.

The API's clock has whole seconds. Within one, `position` counts on from what is there: behind it, or before it when a
walk goes back. The first of a second that come begin in the middle, so that there is room on both sides.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from django.db.models import Max, Min

from runsdash.index.models import Message, Thread
from runsdash.index.storage.keys import MESSAGE_RANK_BIT
from runsdash.index.storage.storable_text import stored_id
from runsdash.service import objects

MIDDLE = MESSAGE_RANK_BIT // 2
Dated = tuple[objects.Message, datetime, int]


def in_place(
    thread: Thread, dated: Iterable[Dated], *, known: Mapping[str, Message], goes_back: bool = False
) -> list[Dated]:
    """Moves `dated` (oldest first, see rows.positioned_messages) to positions that fit rows that are there.

    `known`: rows of these messages by upstream id. `goes_back`: the page is older than all that is there.
    """
    groups = [(base, list(group)) for base, group in groupby(dated, key=lambda one: base_of(one[2]))]
    found: list[Dated] = []
    for number, (base, group) in enumerate(groups):
        start = start_of_known(group, base, known)
        if start is None:
            # A second inside the page is whole in it: nothing else of it can be there.
            is_at_end = number in (0, len(groups) - 1)
            start = start_beside(thread, base, len(group), goes_back=goes_back) if is_at_end else MIDDLE
        found += [
            (message, created_at, base + min(max(0, start + place), MESSAGE_RANK_BIT - 1))
            for place, (message, created_at, _) in enumerate(group)
        ]
    return found


def base_of(position: int) -> int:
    """Returns a position without its order: the second, and whether users or others speak in it."""
    return position & ~(MESSAGE_RANK_BIT - 1)


def start_of_known(group: Sequence[Dated], base: int, known: Mapping[str, Message]) -> int | None:
    """Finds where the group begins so that its first known message stays where it is."""
    for place, (message, _, _) in enumerate(group):
        row = known.get(stored_id(message.id))
        if row is not None and base_of(row.position) == base:
            return row.position - base - place
    return None


def start_beside(thread: Thread, base: int, count: int, *, goes_back: bool) -> int:
    """Finds where a group begins beside what is there of its second; in the middle when nothing is."""
    rows = Message.objects.filter(thread=thread, position__gte=base, position__lt=base + MESSAGE_RANK_BIT)
    end: int | None = rows.aggregate(end=Min("position") if goes_back else Max("position"))["end"]
    if end is None:
        return MIDDLE
    return end - base - count if goes_back else end - base + 1
