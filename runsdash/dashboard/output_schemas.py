"""A JSON Schema as the fields of a form, what was typed in them as JSON text, and what is wrong with it.

Fields come from the properties of an object: text, numbers, yes or no, choices, one level of objects; anything else is
typed as JSON. Schemas are written by operators; nothing they refer to is fetched.
"""

import json
from dataclasses import dataclass, field

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_FIELDS = 60
MAX_SCHEMA_BYTES = 64 * 1024
NOWHERE = Registry()  # resolves no address
SIMPLE = ("string", "integer", "number", "boolean")
Path = tuple[str, ...]


@dataclass
class SchemaField:
    """One property. `kind`: string, integer, number, boolean, enum or json. `choices`: JSON texts of an enum."""

    number: int
    path: Path
    kind: str
    is_required: bool
    hint: str = ""
    choices: list[str] = field(default_factory=list)
    value: str = ""
    error: str = ""

    @property
    def label(self) -> str:
        return ".".join(self.path)

    @property
    def path_json(self) -> str:
        return json.dumps(self.path)

    @property
    def input_mode(self) -> str:
        return {"integer": "numeric", "number": "decimal"}.get(self.kind, "")


def fields_of(schema: object) -> list[SchemaField]:
    """Empty when the schema is not of an object with properties: then only the raw text can be typed."""
    found: list[SchemaField] = []
    collect(schema, path=(), is_required=True, found=found)
    return found


def collect(schema: object, *, path: Path, is_required: bool, found: list[SchemaField]) -> None:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    for name, inner in properties.items():
        inner = inner if isinstance(inner, dict) else {}
        needs = is_required and name in names
        if not path and inner.get("type") == "object" and inner.get("properties"):
            collect(inner, path=(name,), is_required=needs, found=found)
        elif len(found) < MAX_FIELDS:
            found.append(made_field(inner, number=len(found), path=(*path, name), is_required=needs))


def made_field(schema: dict, *, number: int, path: Path, is_required: bool) -> SchemaField:
    hint = str(schema.get("description") or "")[:300]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        texts = [json.dumps(one, ensure_ascii=False) for one in choices[:200]]
        return SchemaField(number, path, "enum", is_required, hint, texts)
    kind = schema.get("type") if schema.get("type") in SIMPLE else "json"
    return SchemaField(number, path, kind, is_required, hint)


# What was typed


def composed(fields: list[SchemaField]) -> str:
    """The fields' values as JSON text; empty fields are left out, all empty gives "". What is no number stays text."""
    result: dict[str, object] = {}
    for one in fields:
        if one.value != "":
            place = result
            for name in one.path[:-1]:
                place = place.setdefault(name, {})
            place[one.path[-1]] = typed_value(one)
    return json.dumps(result, ensure_ascii=False, indent=2) if result else ""


def typed_value(one: SchemaField) -> object:
    if one.kind == "string":
        return one.value
    if one.kind in {"integer", "number"} and one.value.strip()[:1] not in set("-0123456789"):
        return one.value
    try:
        return json.loads(one.value)
    except (ValueError, RecursionError):
        return one.value


def spread(fields: list[SchemaField], text: str) -> bool:
    """Puts a JSON text's values into the fields. False when they cannot hold all of it: then it is shown raw."""
    if not text.strip():
        return True
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    for one in fields:
        place: object = value
        for name in one.path:
            place = place.get(name, "") if isinstance(place, dict) else ""
        one.value = shown_value(one, place)
    try:
        return json.loads(composed(fields) or "{}") == value
    except (ValueError, RecursionError):
        return False


def shown_value(one: SchemaField, value: object) -> str:
    if isinstance(value, str) and one.kind != "enum":
        return value
    return "" if value == "" else json.dumps(value, ensure_ascii=False)


# What is wrong


def problems_of(schema: dict, text: str) -> dict[Path, str]:
    """A sentence by path of what does not satisfy the schema; the empty path means the output as a whole."""
    try:
        value = json.loads(text)
    except ValueError as error:
        return {(): f"The function's schema asks for JSON: {error}."}
    except RecursionError:
        return {(): "This JSON is nested too deeply."}
    found: dict[Path, str] = {}
    try:
        for error in Draft202012Validator(schema, registry=NOWHERE).iter_errors(value):
            error = best_match([error]) or error
            path = tuple(str(one) for one in error.absolute_path)
            missing = missing_name(error)
            found.setdefault((*path, missing) if missing else path, sentence(error.message, missing=missing))
    except (Unresolvable, UnknownType, RecursionError) as error:
        return {(): f"The registered schema cannot be used: {str(error)[:200]}"}
    return found


def missing_name(error: object) -> str:
    """The property that a `required` error is about."""
    if error.validator != "required" or not isinstance(error.instance, dict):
        return ""
    wanted = [name for name in error.validator_value if name not in error.instance]
    named = [name for name in wanted if error.message.startswith(repr(name))]
    return str((named or wanted or [""])[0])


def sentence(message: str, *, missing: str) -> str:
    return "This is required." if missing else f"{message[:300]}."


def parsed_schema(text: str) -> dict:
    """The schema an operator typed. Raises ValueError with a sentence."""
    if len(text.encode()) > MAX_SCHEMA_BYTES:
        raise ValueError(f"A schema has at most {MAX_SCHEMA_BYTES // 1024} KB.")
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("A schema is a JSON object.")
        Draft202012Validator.check_schema(found)
    except json.JSONDecodeError as error:
        raise ValueError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except RecursionError:
        raise ValueError("This JSON is nested too deeply.") from None
    except SchemaError as error:
        place = "/".join(str(one) for one in error.absolute_path) or "the schema"
        raise ValueError(f"Not a JSON Schema: {error.message[:300]} (at {place}).") from None
    return found
