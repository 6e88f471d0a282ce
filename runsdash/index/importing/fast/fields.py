"""Names what usual objects have in common: bounded words, counts and moments."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Struct

from runsdash.index.run_columns import MOST_TOKENS
from runsdash.index.storage.storable_text import ID_CHARS

Word = Annotated[str, Meta(min_length=1, max_length=ID_CHARS)]
MaybeWord = Annotated[str, Meta(max_length=ID_CHARS)] | None
Short = Annotated[str, Meta(min_length=1, max_length=40)]
Second = Annotated[int, Meta(gt=0, lt=100_000_000_000)]
Count = Annotated[int, Meta(ge=0, lt=MOST_TOKENS)]


class UsualUsage(Struct, forbid_unknown_fields=True):
    """Answers as `service.objects.Usage`."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_token_details: dict[str, Count | None] | None = None
    completion_tokens_details: dict[str, Count | None] | None = None

    @property
    def prompt_tokens_details(self) -> dict[str, int | None] | None:
        return self.prompt_token_details


@lru_cache(maxsize=8192)
def moment(second: int | None) -> datetime | None:
    """Reads whole seconds since 1970; the objects of a thread share many."""
    return None if second is None else datetime.fromtimestamp(second, UTC)
