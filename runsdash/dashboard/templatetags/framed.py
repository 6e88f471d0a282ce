"""Defines the tags that put kept parts into a page: of its frame, and of what it shows."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from runsdash.dashboard.shell.frame_parts import frame_part
from runsdash.dashboard.shell.kept_parts import drawn, kept_part
from runsdash.dashboard.shell.page_types import AsText
from runsdash.dashboard.shell.shell import Shell

register = template.Library()


class Slots(Mapping[str, AsText]):
    """Fills slots from the context of a page, each only where a part has it."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def __getitem__(self, name: str) -> AsText:
        return FILLED[name](self.context)

    def __iter__(self) -> Iterator[str]:
        return iter(FILLED)

    def __len__(self) -> int:
        return len(FILLED)


FILLED: dict[str, Callable[[Context], AsText]] = {
    "csrf_token": lambda context: context["csrf_token"],
    "address": lambda context: context["request"].get_full_path(),
    "badge": partial(drawn, "shell/_badge.html"),
    "pill": partial(drawn, "shell/_sync_pill.html"),
}


@register.simple_tag
def waiting_prefix(shell: Shell) -> str:
    """Writes `(7) ` before a page's title while runs need an answer; static/js/page.js keeps it true."""
    return f"({shell.waiting_label}) " if shell.frame.role and shell.waiting_count else ""


@register.simple_tag(takes_context=True)
def frame(context: Context, name: str) -> SafeString:
    """Puts a part of the frame here, kept or made: `{% frame "shell/_topbar.html" %}`."""
    return frame_part(name, context["shell"].frame, Slots(context))


@register.simple_tag(takes_context=True)
def kept(context: Context, name: str, state: Hashable) -> SafeString:
    """Puts a part here that stays the same while its state does: `{% kept "run/_run.html" page.kept_state %}`."""
    return kept_part(name, state, context)
