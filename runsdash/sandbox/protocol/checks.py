"""Checks request bodies by small checkers and by tables of the fields each body may have.

A checker takes the field's path and its value and raises the protocol's 400. Limits: docs/protocol.md#objects.
"""

from collections.abc import Callable
from typing import Any

from runsdash.sandbox.json_objects import Json

from .errors import ApiError, invalid

Checker = Callable[[str, Any], None]

METADATA_PAIRS_MAX, METADATA_KEY_MAX, METADATA_VALUE_MAX = 16, 64, 512
TEXT_MAX = 256_000
RUN_TOOLS_MAX, ASSISTANT_TOOLS_MAX = 20, 128
TOKENS_MIN = 256


def wrong_type(path: str, wanted: str, value: Json) -> ApiError:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array"}
    got = "null" if value is None else names.get(type(value), "an object")
    text = f"Invalid type for '{path}': expected {wanted}, but got {got} instead."
    return invalid(text, param=path, code="invalid_type")


def text(*, most: int = TEXT_MAX) -> Checker:
    def check(path: str, value: Any) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, "a string", value)
        if len(value) > most:
            raise too_long(path, most, len(value))

    return check


def too_long(path: str, most: int, length: int) -> ApiError:
    return invalid(
        f"Invalid '{path}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {length} instead.",
        param=path,
        code="string_above_max_length",
    )


def number(*, least: float, most: float | None = None, whole: bool = False) -> Checker:
    kind = "integer" if whole else "decimal"

    def check(path: str, value: Any) -> None:
        value = as_whole(value) if whole else value
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise wrong_type(path, "an integer" if whole else "a decimal", value)
        if value < least:
            raise out_of_range(path, f"{kind} below minimum value", f">= {least}", value, f"{kind}_below_min_value")
        if most is not None and value > most:
            raise out_of_range(path, f"{kind} above maximum value", f"<= {most}", value, f"{kind}_above_max_value")

    return check


def as_whole(value: Any) -> Any:
    """Returns a whole number that was written as a float (R's JSON has 1e+05) as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def out_of_range(path: str, what: str, wanted: str, got: float, code: str) -> ApiError:
    message = f"Invalid '{path}': {what}. Expected a value {wanted}, but got {got} instead."
    return invalid(message, param=path, code=code)


def boolean(path: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)


def mapping(path: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)


def word(*allowed: str) -> Checker:
    def check(path: str, value: Any) -> None:
        if value not in allowed:
            listed = ", ".join(f"'{one}'" for one in allowed)
            message = f"Invalid value: '{str(value)[:80]}'. Supported values are: {listed}."
            raise invalid(message, param=path, code="invalid_value")

    return check


def array(item: Checker, *, most: int | None = None) -> Checker:
    def check(path: str, value: Any) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        if most is not None and len(value) > most:
            message = (
                f"Invalid '{path}': array too long. Expected an array with maximum length {most}, "
                f"but got an array with length {len(value)} instead."
            )
            raise invalid(message, param=path, code="array_above_max_length")
        for at, one in enumerate(value):
            item(f"{path}[{at}]", one)

    return check


def metadata(path: str, value: Any) -> None:
    mapping(path, value)
    if len(value) > METADATA_PAIRS_MAX:
        message = (
            f"Invalid '{path}': too many properties. Expected an object with at most {METADATA_PAIRS_MAX} "
            f"properties, but got an object with {len(value)} properties instead."
        )
        raise invalid(message, param=path, code="object_above_max_properties")
    for key, one in value.items():
        if len(key) > METADATA_KEY_MAX:
            raise too_long(path, METADATA_KEY_MAX, len(key))
        text(most=METADATA_VALUE_MAX)(f"{path}.{key}", one)


def tool(path: str, value: Any) -> None:
    mapping(path, value)
    word("code_interpreter", "file_search", "function")(f"{path}.type", value.get("type"))
    if value["type"] == "function":
        mapping(f"{path}.function", value.get("function"))
        text(most=64)(f"{path}.function.name", value["function"].get("name"))


def tool_choice(path: str, value: Any) -> None:
    if isinstance(value, dict):
        word("function", "code_interpreter", "file_search")(f"{path}.type", value.get("type"))
    else:
        word("none", "auto", "required")(path, value)


def response_format(path: str, value: Any) -> None:
    if isinstance(value, dict):
        word("text", "json_object", "json_schema")(f"{path}.type", value.get("type"))
    else:
        word("auto")(path, value)


def truncation_strategy(path: str, value: Any) -> None:
    mapping(path, value)
    word("auto", "last_messages")(f"{path}.type", value.get("type"))
    if value["type"] == "last_messages":
        number(least=1, whole=True)(f"{path}.last_messages", value.get("last_messages"))


def content(path: str, value: Any) -> None:
    """Checks message content: a non-empty string, or parts text, image_file, image_url."""
    if isinstance(value, str) and value.strip():
        return text()(path, value)
    if not isinstance(value, list) or not value:
        raise invalid("Message content must be non-empty.", param=path)
    for at, part in enumerate(value):
        here = f"{path}[{at}]"
        mapping(here, part)
        word("text", "image_file", "image_url")(f"{here}.type", part.get("type"))
        text()(f"{here}.text", part.get("text")) if part["type"] == "text" else mapping(here, part.get(part["type"]))


def fields(table: dict[str, Checker], *required: str) -> Checker:
    """Makes the checker of an object: all of `required`, nothing outside `table`; null means absent."""

    def check(path: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path or "body", "an object", value)
        under = f"{path}." if path else ""
        for name in value:
            if name not in table:
                message = f"Unknown parameter: '{under}{name}'."
                raise invalid(message, param=under + name, code="unknown_parameter")
        for name in required:
            if value.get(name) is None:
                message = f"Missing required parameter: '{under}{name}'."
                raise invalid(message, param=under + name, code="missing_required_parameter")
        for name, one in value.items():
            if one is not None:
                table[name](under + name, one)

    return check
