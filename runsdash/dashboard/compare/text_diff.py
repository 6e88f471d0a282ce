"""Finds differences between texts and between JSON values, as plain pieces. Renders nothing, reads nothing."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import Literal

from runsdash.service.json_types import Json

MAX_WORDS = 3000  # word by word up to here, line by line beyond
MAX_LINES = 3000
MAX_PAIRS = 4_000_000  # of equal words that are looked at; what is not aligned by then is one change
MAX_PATHS = 400
MAX_DEPTH = 12
Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True)
class Piece:
    """Holds a run of text that both have, or only A (`removed`), or only B (`added`)."""

    kind: Kind
    text: str


def text_pieces(a: str, b: str) -> list[Piece]:
    """Compares word by word; long texts line by line."""
    left, right = words(a), words(b)
    if max(len(left), len(right)) > MAX_WORDS:
        left, right = a.splitlines(keepends=True)[:MAX_LINES], b.splitlines(keepends=True)[:MAX_LINES]
    return merged(pieces(left, right))


def words(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


def pieces(left: Sequence[str], right: Sequence[str]) -> Iterator[Piece]:
    for action, i1, i2, j1, j2 in BoundedMatcher(left, right).get_opcodes():
        if action == "equal":
            yield Piece("same", "".join(left[i1:i2]))
            continue
        if i2 > i1:
            yield Piece("removed", "".join(left[i1:i2]))
        if j2 > j1:
            yield Piece("added", "".join(right[j1:j2]))


class BoundedMatcher(SequenceMatcher[str]):
    """Aligns in bounded time.

    Texts of few words, each there many times, would take the cube of their length.
    """

    a: Sequence[str]  # of the class itself; its types lack them
    b2j: dict[str, list[int]]

    def __init__(self, left: Sequence[str], right: Sequence[str]) -> None:
        super().__init__(a=left, b=right, autojunk=False)
        self.pairs_left = MAX_PAIRS

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        if self.pairs_left > 0:
            self.pairs_left -= sum(1 + len(self.b2j.get(word, ())) for word in self.a[alo:ahi])
            return super().find_longest_match(alo, ahi, blo, bhi)
        return Match(alo, blo, 0)


def merged(pieces: Iterator[Piece]) -> list[Piece]:
    """Joins changes around small agreements (a space, a comma), so that a sentence reads as one change."""
    result: list[Piece] = []
    for piece in pieces:
        if result and result[-1].kind == piece.kind:
            result[-1] = Piece(piece.kind, result[-1].text + piece.text)
        else:
            result.append(piece)
    return result


@dataclass(frozen=True)
class JsonChange:
    """Holds what A and B have at one path of a JSON value; None is nothing."""

    path: str
    a: str | None
    b: str | None

    @property
    def differs(self) -> bool:
        return self.a != self.b


def json_changes(a: str, b: str) -> list[JsonChange] | None:
    """Compares two JSON texts by path, differences first; None when one of them is not JSON."""
    try:
        left, right = flat(json.loads(a)), flat(json.loads(b))
    except (ValueError, RecursionError):
        return None
    paths = list(dict.fromkeys([*left, *right]))[:MAX_PATHS]
    changes = [JsonChange(path, left.get(path), right.get(path)) for path in paths]
    return sorted(changes, key=lambda change: not change.differs)


def flat(value: Json, path: str = "", depth: int = 0) -> dict[str, str]:
    """Returns leaves by path: `customer.id`, `lines[0].sku`."""
    if isinstance(value, dict) and value and depth < MAX_DEPTH:
        parts = [flat(item, f"{path}.{key}" if path else str(key), depth + 1) for key, item in value.items()]
    elif isinstance(value, list) and value and depth < MAX_DEPTH:
        parts = [flat(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(value)]
    else:
        return {path or "(value)": json.dumps(value, ensure_ascii=False)}
    leaves: dict[str, str] = {}
    for part in parts:
        leaves |= part
        if len(leaves) > MAX_PATHS:
            break
    return leaves
