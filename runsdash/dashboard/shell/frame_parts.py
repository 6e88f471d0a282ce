"""Keeps the parts of a page's frame that look the same for whoever has the same `Frame`: head, bar, foot.

They are rendered once from the frame alone, never from the request, so what one person sees cannot reach another. What
differs from request to request goes into a slot: a mark in the kept text that is filled each time.
"""

import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from runsdash.dashboard.shell.page_types import AsText

from .markup import escaped

SLOTS = ("csrf_token", "address", "badge", "pill")
EDGE = f"slot-{secrets.token_hex(8)}-"  # so that no name and no text holds a mark
MARK = re.compile(rf"{EDGE}(\w+)-")
KEPT = 1000  # parts: a few for each page of each person


class FrameConnection(NamedTuple):
    """Names a connection in the menu."""

    slug: str
    kind: str
    is_enabled: bool


class Frame(NamedTuple):
    """Holds all that the frame of a page depends on, but for its slots. Without a name nobody is signed in."""

    username: str = ""
    role: str = ""
    initials: str = ""
    theme: str = "system"
    time_zone: str = ""
    has_single_key_shortcuts: bool = False
    can_act: bool = False  # on this server, which may be read-only
    can_manage: bool = False  # by role
    is_read_only: bool = False
    prefix: str = "/"  # of all addresses
    page: str = ""
    is_filtered_page: bool = False
    chosen: str = ""
    carried: str = ""
    connections: tuple[FrameConnection, ...] = ()


def frame_part(template: str, frame: Frame, filled: Mapping[str, AsText]) -> SafeString:
    """Returns a part with its slots filled. Templates are read anew each time while they are worked on."""
    pieces = (made_part.__wrapped__ if settings.DEBUG else made_part)(template, frame)
    return SafeString("".join([escaped(filled[piece]) if at % 2 else piece for at, piece in enumerate(pieces)]))


@lru_cache(maxsize=KEPT)
def made_part(template: str, frame: Frame) -> tuple[str, ...]:
    """Returns text and names of slots by turns."""
    marks = {name: SafeString(f"{EDGE}{name}-") for name in SLOTS}
    return tuple(MARK.split(render_to_string(template, {"frame": frame, "version": settings.VERSION, **marks})))
