"""Gives our objects the API's own names, for parts of an answer without a class.

Owns names only: values are those of the answer. A part that is no JSON object is None here.
"""

import copy
from typing import Any

from ..json_types import Json
from . import parsing

# Fields of parts without a class. A server may leave out any of them; then it is None.
_NAMES = """
annotations arguments cached_tokens code_interpreter content description detail end_index file_citation file_id file_ids
file_name file_path file_search function image input json_schema last_messages logs max_num_results message_creation
message_id name output outputs parameters quote ranker ranking_options reason reasoning_tokens results schema_ score
score_threshold start_index strict text title tool_calls tools type url value vector_store_ids
"""
OPTIONAL = frozenset(_NAMES.split())


class Fields(dict[str, Any]):
    """Makes the keys of a JSON object attributes. It is a copy; the answer itself stays in `.raw`.

    A field that the API knows and the server left out is None; any other name is an AttributeError.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        for key in (name, name.removesuffix("_")):  # the official SDK calls `schema` `schema_`
            if key in self:
                return with_attributes(self[key])
        if name in OPTIONAL:
            return None
        raise AttributeError(f"the API names no field {name!r} here")


def with_attributes(value: Any) -> Any:
    """Makes the keys of JSON objects attributes; other values stay as they are."""
    if isinstance(value, list):
        return [with_attributes(item) for item in value]
    return Fields(value) if type(value) is dict else value


def part(value: Json) -> Fields | None:
    """Reads a JSON object; anything else is None."""
    return Fields(value) if isinstance(value, dict) else None


def parts(value: Json) -> list[Fields] | None:
    """Reads the JSON objects of a list; anything but a list is None."""
    return [Fields(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else None


def word_or_part(value: Json) -> "str | Fields | None":
    """Reads a parameter that is a word or a JSON object; what is empty is None."""
    return (value if isinstance(value, str) else part(value)) or None


class ObjectText(str):
    """Keeps a text together with the JSON object it stood in, whose fields are attributes: `text.value`."""

    __slots__ = ("_fields",)
    _fields: Fields

    def __new__(cls, text: str, fields: dict[str, Any] | None = None) -> "ObjectText":
        made = super().__new__(cls, text)
        made._fields = Fields(fields or {})
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._fields, name)


class ApiObject:
    """Tells of any object the type that the server names, and its JSON."""

    __slots__ = ()
    raw: Any

    def to_dict(self) -> dict[str, Any]:
        """Copies the JSON as received; empty when the answer was no object."""
        return copy.deepcopy(parsing.mapping(self.raw))

    @property
    def object(self) -> str | None:
        return parsing.text(parsing.mapping(self.raw).get("object"))
