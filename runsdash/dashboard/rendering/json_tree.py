"""Renders JSON text as a tree to unfold: numbers as written, doubled keys twice, order as received.

Bounded in depth and nodes. What is not valid JSON (arguments may be partial) is shown as it is.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .cache import render_cache
from .visible import visible

VERSION = "json-1"
MAX_DEPTH = 30
MAX_NODES = 2000
OPEN_DEPTH = 1  # containers above this depth are unfolded
OPEN_NODES = 40  # longer ones start folded


class Number(str):
    """Holds a number or NaN as it was written, so that no digit is lost."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """Holds an object's (key, value) pairs as they came, doubled keys included."""

    __slots__ = ()


TreeValue: TypeAlias = str | bool | list[Any] | None  # a Number is a str; an object is Pairs, a list too


class NotJson(ValueError):
    """Says that the text is not one JSON value."""


def parsed(text: str) -> TreeValue:
    """Parses `text`; raises NotJson when it is not JSON, or nested too deeply to read."""
    try:
        value: TreeValue = json.loads(
            text, parse_float=Number, parse_int=Number, parse_constant=refused, object_pairs_hook=Pairs
        )
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    return value


def refused(word: str) -> NoReturn:
    raise NotJson(word)


def json_tree(text: str) -> SafeString:
    """Renders `<ul class="json">` for valid JSON objects and lists, else `<pre class="code wrap">`."""
    return mark_safe(render_cache.get(VERSION, text, render=lambda: rendered(text)))


def rendered(text: str) -> str:
    try:
        value = parsed(text)
    except NotJson:
        return f'<pre class="code wrap" tabindex="0" dir="auto">{escape(visible(text))}</pre>'
    tree = Tree()
    if isinstance(value, list) and value:
        return f'<ul class="json">{"".join(tree.items(value, depth=0))}</ul>'
    return f'<ul class="json"><li>{tree.leaf(value)}</li></ul>'


class Tree:
    """Renders one tree and counts its nodes."""

    def __init__(self) -> None:
        self.nodes = 0

    def items(self, container: list[Any], *, depth: int) -> Iterator[str]:
        """Renders a `<li>` for each entry of an object or list, until the tree is full."""
        entries = container if isinstance(container, Pairs) else enumerate(container)
        for done, (key, value) in enumerate(entries):
            if self.nodes >= MAX_NODES:
                yield f'<li class="jm">… {len(container) - done:,} more not shown</li>'
                return
            self.nodes += 1
            name = f'<span class="{"jk" if isinstance(container, Pairs) else "jm"}">{shown(str(key))}</span>: '
            yield f"<li>{self.entry(name, value, depth=depth)}</li>"

    def entry(self, name: str, value: TreeValue, *, depth: int) -> str:
        if not isinstance(value, list) or not value or depth + 1 >= MAX_DEPTH:
            return name + self.leaf(value)
        is_open = " open" if depth < OPEN_DEPTH and len(value) <= OPEN_NODES else ""
        inside = "".join(self.items(value, depth=depth + 1))
        return f"<details{is_open}><summary>{name}{count(value)}</summary><ul>{inside}</ul></details>"

    def leaf(self, value: TreeValue) -> str:
        if isinstance(value, Number):
            return f'<span class="jn">{shown(value)}</span>'
        if isinstance(value, str):
            return f'<span class="js" dir="auto">{shown(json.dumps(value, ensure_ascii=False))}</span>'
        if isinstance(value, list):
            return count(value)
        return f'<span class="jn">{json.dumps(value)}</span>'


def shown(text: str) -> str:
    return escape(visible(text))


def count(container: list[Any]) -> str:
    size = f"{len(container):,}" if container else ""
    return (
        f'<span class="jm">{{{size}}}</span>' if isinstance(container, Pairs) else f'<span class="jm">[{size}]</span>'
    )
