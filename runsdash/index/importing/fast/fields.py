"""Names the types of fields that schemas share. Each holds no more than a column takes. Pure."""

from typing import Annotated

from msgspec import Meta, Struct

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.run_columns import MOST_TOKENS
from runsdash.index.storage.storable_text import ID_CHARS

Word = Annotated[str, Meta(min_length=1, max_length=ID_CHARS)]
MaybeWord = Annotated[str, Meta(max_length=ID_CHARS)] | None
Short = Annotated[str, Meta(min_length=1, max_length=40)]
Second = Annotated[int, Meta(gt=0, lt=100_000_000_000)]
Count = Annotated[int, Meta(ge=0, lt=MOST_TOKENS)]


class FastUsage(Struct, forbid_unknown_fields=True):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_token_details: dict[str, Count | None] | None = None
    completion_tokens_details: dict[str, Count | None] | None = None

    @property
    def prompt_tokens_details(self) -> dict[str, int | None] | None:
        """Bears the name that `service.objects.Usage` has for it."""
        return self.prompt_token_details


def joined_texts(texts: list[str]) -> list[Text]:
    """Joins texts where all are ASCII, which is quicker to split into words; others are split in another way."""
    whole = " ".join(texts)
    return [(whole, False)] if whole.isascii() else [(text, False) for text in texts]
