"""Makes form fields of a JSON Schema, JSON text of what is typed, and sentences of what is wrong.

Fields come from the properties of an object: text, numbers, yes or no, choices, one level of objects; anything else is
typed as JSON. Schemas are written by operators; nothing they refer to is fetched.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from runsdash.service.decoding import nearest_number, strict_json
from runsdash.service.json_types import Json, JsonObject

from .schema_weight import TooHeavy, weight_of

MAX_FIELDS = 60
MAX_SCHEMA_BYTES = 64 * 1024
MAX_WORK = 50_000_000  # weight of a schema times characters of an output: half a second
MAX_LOCATED_WORK = 200_000  # the validator collects all errors, each with its part of the output
LONG_NUMBER = re.compile(r"\d{19}\d+")
MAX_LONG_NUMBERS = 200  # the validator compares each with each for `uniqueItems`
PATTERNS = RegexOptions(size_limit=256 * 1024, dfa_size_limit=1024 * 1024)
ALTERNATIVES = (ValidationErrorKind.AnyOf, ValidationErrorKind.OneOfNotValid)
NO_PATTERN = " A pattern may not look around or back, nor count too far."
TOO_DEEP = "This JSON is nested too deeply."
SIMPLE = ("string", "integer", "number", "boolean")
Path = tuple[str, ...]
Members = dict[str, "str | Members"]  # JSON texts by name, or those of an object within
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]')  # of valid JSON, what is neither number, word nor white
UNTYPABLE = re.compile("[\x00-\x08\n-\x1f\ud800-\udfff]")  # a form's control drops or changes these


def no_json(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


# Numbers stay text: no limit of digits, and NaN is refused.
STRICT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=no_json)


@dataclass
class SchemaField:
    """Holds one property. `kind`: string, integer, number, boolean, enum or json; `choices`: an enum's JSON texts."""

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


def fields_of(schema: Json) -> list[SchemaField]:
    """Returns fields; none unless the schema is of an object with properties, and only raw text can be typed."""
    fields: list[SchemaField] = []
    collect(schema, path=(), is_required=True, fields=fields)
    return fields


def collect(schema: Json, *, path: Path, is_required: bool, fields: list[SchemaField]) -> None:
    if not isinstance(schema, dict) or not isinstance(properties := schema.get("properties"), dict):
        return
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    for name, found in properties.items():
        inner = found if isinstance(found, dict) else {}
        needs = is_required and name in names
        if not path and inner.get("type") == "object" and inner.get("properties"):
            collect(inner, path=(name,), is_required=needs, fields=fields)
        elif len(fields) < MAX_FIELDS:
            fields.append(made_field(inner, number=len(fields), path=(*path, name), is_required=needs))


def made_field(schema: JsonObject, *, number: int, path: Path, is_required: bool) -> SchemaField:
    hint = str(schema.get("description") or "")[:300]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        texts = [json.dumps(one, ensure_ascii=False) for one in choices[:200]]
        return SchemaField(number, path, "enum", is_required, hint, texts)
    kind = next((one for one in SIMPLE if one == schema.get("type")), "json")
    return SchemaField(number, path, kind, is_required, hint)


# What was typed. Texts are cut out of texts and put together, so no number is written again.


def composed(fields: list[SchemaField]) -> str:
    """Writes the fields' values as JSON text; empty fields are left out, all empty gives ""."""
    members: Members = {}
    for one in fields:
        if one.value != "":
            place = members
            for name in one.path[:-1]:
                inner = place.setdefault(name, {})
                place = inner if isinstance(inner, dict) else {}
            place[one.path[-1]] = typed_piece(one)
    return object_text(members) if members else ""


def object_text(members: Members, indent: str = "") -> str:
    """Joins JSON texts by name to an object; an inner dict is an object of its own."""
    inner = f"{indent}  "
    texts = {name: object_text(one, inner) if isinstance(one, dict) else one for name, one in members.items()}
    lines = [f"{inner}{quoted(name)}: {text}" for name, text in texts.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def typed_piece(one: SchemaField) -> str:
    """Returns the JSON text of what was typed, to the letter; what is none is a string."""
    text = one.value.strip()
    if one.kind in {"integer", "number"}:
        return text if NUMBER.fullmatch(text) else quoted(one.value)
    return text if one.kind != "string" and is_json(text) else quoted(one.value)


def is_json(text: str) -> bool:
    try:
        STRICT.decode(text)
    except ValueError:
        return False
    except RecursionError:
        pass  # so deep that only the check of the whole output may refuse it
    return True


def spread(fields: list[SchemaField], text: str) -> bool:
    """Puts the texts of a JSON object into the fields; False when they cannot hold all of it."""
    if not text.strip():
        return True
    pieces = pieces_of(fields, text) if is_json(text) else None
    if pieces is None or not pieces.keys() <= {one.path for one in fields}:
        return False
    shown = [replace(one, value=shown_value(one, pieces.get(one.path, ""))) for one in fields]
    if not all(holds(one, pieces[one.path]) for one in shown if one.path in pieces):
        return False
    for one, other in zip(fields, shown, strict=True):
        one.value = other.value
    return True


def pieces_of(fields: list[SchemaField], text: str) -> dict[Path, str] | None:
    """Splits an object into its members' texts by path, and those objects in it whose members have fields."""
    members = members_of(text)
    outer = {one.path[0] for one in fields if len(one.path) > 1}
    pieces: dict[Path, str] = {}
    for name, piece in (members or {}).items():
        inner = members_of(piece) if name in outer else None
        pieces |= {(name, key): one for key, one in inner.items()} if inner else {(name,): piece}
    return None if members is None else pieces


def members_of(text: str) -> dict[str, str] | None:
    """Splits valid JSON into members' texts by name; None for no object, or when a name is there twice."""
    if not text.lstrip().startswith("{"):
        return None
    members: dict[str, str] = {}
    depth, start, name = 0, 0, None
    for token in TOKEN.finditer(text):
        word = token.group()
        if depth == 1 and name is not None and word in {",", "}"}:
            if name in members:
                return None
            members[name], name = text[start : token.start()].strip(), None
        elif depth == 1 and name is None and word[0] == '"':
            name = json.loads(word)
        elif depth == 1 and word == ":":
            start = token.end()
        depth += (word in {"{", "["}) - (word in {"}", "]"})
    return members


def shown_value(one: SchemaField, piece: str) -> str:
    """Shows strings without their quotes, but for a choice's."""
    if not piece.startswith('"'):
        return piece
    return quoted(json.loads(piece)) if one.kind == "enum" else json.loads(piece)


def holds(one: SchemaField, piece: str) -> bool:
    """Tells whether the form's control gives back this very piece."""
    choices = {"boolean": ["true", "false"], "enum": one.choices}.get(one.kind, [one.value])
    same = quoted(json.loads(piece)) if piece.startswith('"') else piece
    return bool(one.value) and one.value in choices and not UNTYPABLE.search(one.value) and typed_piece(one) == same


# What is wrong


def problems_of(schema: JsonObject, text: str) -> dict[Path, str]:
    """Returns a sentence by path of what breaks the schema; the empty path means the output as a whole."""
    try:
        value = json.loads(text, parse_constant=no_json, parse_float=nearest_number, parse_int=nearest_number)
    except ValueError as error:
        return {(): f"The function's schema asks for JSON: {error}."}
    except RecursionError:
        return {(): TOO_DEEP}
    try:
        validator, work = made_validator(schema), weight_of(schema) * len(text)
    except ValueError as error:
        return {(): f"The registered schema cannot be used: {error}"}
    if work > MAX_WORK or len(LONG_NUMBER.findall(text)) > MAX_LONG_NUMBERS:
        return {(): "This output is too long to be checked against the function's schema."}
    try:
        if validator.is_valid(value):
            return {}
        if work > MAX_LOCATED_WORK:
            return {(): "This output does not satisfy the function's schema; it is too long to tell where."}
        return errors_by_path(validator.iter_errors(value))
    except UnicodeEncodeError:
        return {(): "This output holds half a character (a lone surrogate), which cannot be checked or sent."}
    except ValueError:  # of the validator, at 255 levels
        return {(): TOO_DEEP}


def errors_by_path(errors: Iterable[ValidationError]) -> dict[Path, str]:
    sentences: dict[Path, str] = {}
    for error in errors:
        error = best_of(error)
        path, kind = tuple(str(one) for one in error.instance_path), error.kind
        if isinstance(kind, ValidationErrorKind.Required):
            sentences.setdefault((*path, kind.property), "This is required.")
        else:
            sentences.setdefault(path, f"{error.message[:300]}.")
    return sentences


def best_of(error: ValidationError) -> ValidationError:
    """Chooses the one alternative whose type is right, when there is one alone: its error says more."""
    while isinstance(error.kind, ALTERNATIVES):
        place = error.instance_path
        near = [one for one in error.kind.context if one and not any(is_of_type(inner, place) for inner in one)]
        if len(near) != 1:
            break
        error = near[0][0]
    return error


def is_of_type(error: ValidationError, place: list[str | int]) -> bool:
    return error.instance_path == place and isinstance(error.kind, ValidationErrorKind.Type)


def made_validator(schema: JsonObject) -> Draft202012Validator:
    """Builds a validator, or raises ValueError with a sentence.

    Its patterns take linear time, so they know no look-around.
    """
    try:
        return Draft202012Validator(schema, pattern_options=PATTERNS, offline=True)
    except ValidationError as error:
        place = "/".join(str(one) for one in error.instance_path) or "the schema"
        hint = NO_PATTERN if error.message.endswith('is not a "regex"') else ""
        raise ValueError(f"Not a JSON Schema: {error.message[:300]} (at {place}).{hint}") from None
    except ValueError as error:
        if "surrogates" in str(error):
            raise ValueError("This JSON holds half a character (a lone surrogate).") from None
        raise ValueError(f"Not a JSON Schema: {str(error)[:300]}.") from None


def parsed_schema(text: str) -> JsonObject:
    """Parses the schema an operator typed, or raises ValueError with a sentence."""
    if len(text.encode("utf-8", "replace")) > MAX_SCHEMA_BYTES:
        raise ValueError(f"A schema has at most {MAX_SCHEMA_BYTES // 1024} KB.")
    try:
        schema = strict_json(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except ValueError as error:
        raise ValueError(f"{error}.") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if not isinstance(schema, dict):
        raise ValueError("A schema is a JSON object.")
    try:
        weight_of(schema)
    except TooHeavy as error:
        raise ValueError(f"This schema cannot be used: {error}") from None
    made_validator(schema)
    return schema
