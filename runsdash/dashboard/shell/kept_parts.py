"""Keeps parts of pages as they were drawn, for whoever looks again while nothing has changed.

A state says, as the tag of a poll does, what a part shows; the address, the reader's `Frame` and what their teams let
them see are added here. A part is drawn anew after a minute, so what its state does not tell of is never older.
"""

import secrets
from collections.abc import Hashable
from time import time

from django.conf import settings
from django.template.context import Context
from django.utils.safestring import SafeString

from runsdash import row_access

from .markup import escaped

KEPT_S = 60
MOST_KEPT, MOST_CHARS = 200, 100_000  # of a process: parts, and of one part
TOKEN = SafeString(f"slot-{secrets.token_hex(8)}")  # stands for the token of forms, which differs each time

_kept: dict[tuple[Hashable, ...], tuple[int, list[str]]] = {}


def kept_part(name: str, state: Hashable, context: Context) -> SafeString:
    """Returns the part, as it was drawn in the same state; without a state it is drawn each time."""
    if state is None or settings.DEBUG:
        return drawn(name, context)
    key = name, state, context["request"].get_full_path(), context["shell"].frame, row_access.mark()
    minute = int(time()) // KEPT_S
    drawn_in, pieces = _kept.get(key, (0, []))
    if drawn_in != minute:
        with context.push(csrf_token=TOKEN):
            pieces = drawn(name, context).split(TOKEN)
        if sum(map(len, pieces)) <= MOST_CHARS:
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[key] = minute, pieces
    return SafeString(escaped(context["csrf_token"]).join(pieces) if len(pieces) > 1 else pieces[0])


def drawn(name: str, context: Context) -> SafeString:
    return context.template.engine.get_template(name).render(context)  # type: ignore[union-attr]  # a page is drawn
