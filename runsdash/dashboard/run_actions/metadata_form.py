"""Metadata pairs as they are typed: `metadata-0-key`, `metadata-0-value`, … under any prefix."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runsdash.service.checks import MAX_METADATA_KEY_CHARS, MAX_METADATA_PAIRS, MAX_METADATA_VALUE_CHARS

BLANK_ROWS = 2


@dataclass
class Pair:
    key: str = ""
    value: str = ""
    error: str = ""


@dataclass
class MetadataPairs:
    """Typed pairs with an error beside each; `map` is what would be sent."""

    prefix: str = "metadata"
    pairs: list[Pair] = field(default_factory=list)

    @classmethod
    def from_map(cls, metadata: Mapping[str, str], *, prefix: str = "metadata") -> "MetadataPairs":
        """By key: PostgreSQL does not keep the order in which pairs came."""
        return cls(prefix, [Pair(key, value) for key, value in sorted(metadata.items())])

    @classmethod
    def from_post(cls, post: Mapping[str, str], *, prefix: str = "metadata") -> "MetadataPairs":
        """Rows in the order of their numbers; a row without key and value is no pair."""
        pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,3}})-(?:key|value)")
        numbers = sorted({int(found[1]) for name in post if (found := pattern.fullmatch(name))})
        typed = [Pair(post.get(f"{prefix}-{n}-key", ""), post.get(f"{prefix}-{n}-value", "")) for n in numbers]
        made = cls(prefix, [pair for pair in typed if pair.key or pair.value])
        made.check()
        return made

    def check(self) -> None:
        seen: set[str] = set()
        for number, pair in enumerate(self.pairs, start=1):
            if not pair.key:
                pair.error = "This value has no key."
            elif pair.key in seen:
                pair.error = f"The key “{pair.key}” is there twice."
            elif len(pair.key) > MAX_METADATA_KEY_CHARS:
                pair.error = f"The key has {len(pair.key)} characters, {MAX_METADATA_KEY_CHARS} are allowed."
            elif len(pair.value) > MAX_METADATA_VALUE_CHARS:
                pair.error = f"The value has {len(pair.value)} characters, {MAX_METADATA_VALUE_CHARS} are allowed."
            elif number > MAX_METADATA_PAIRS:
                pair.error = f"This is pair {number}, {MAX_METADATA_PAIRS} are allowed."
            seen.add(pair.key)

    @property
    def map(self) -> dict[str, str]:
        return {pair.key: pair.value for pair in self.pairs}

    @property
    def errors(self) -> list[str]:
        return [pair.error for pair in self.pairs if pair.error]

    @property
    def rows(self) -> list[tuple[int, Pair]]:
        """Numbered rows for the form: what was typed and a few blank ones."""
        blanks = min(BLANK_ROWS, max(0, MAX_METADATA_PAIRS - len(self.pairs)))
        return list(enumerate([*self.pairs, *(Pair() for _ in range(blanks))]))

    @property
    def limits(self) -> str:
        return f"Up to {MAX_METADATA_PAIRS} pairs, key {MAX_METADATA_KEY_CHARS}, value {MAX_METADATA_VALUE_CHARS} characters"
