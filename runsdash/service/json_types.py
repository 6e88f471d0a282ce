"""Names what JSON is made of, for annotations; owns no code.

What came from a server may be any `Json`: tell apart with isinstance, or with the readers of `objects/parsing.py`.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

# What a caller gives to be sent or shown: it is read only, so a `dict[str, str]` will do.
JsonLike: TypeAlias = bool | int | float | str | Sequence["JsonLike"] | Mapping[str, "JsonLike"] | None
JsonFields: TypeAlias = Mapping[str, JsonLike]
