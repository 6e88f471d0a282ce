"""Makes believable arguments for a function tool from its JSON Schema and the user's words.

Deterministic: the same schema and words give the same arguments. Ids, numbers and dates that the user
wrote are used where a property has the matching type.
"""

import re

from runsdash.sandbox.json_objects import Json, JsonObject

CODE = re.compile(r"\b[A-Z]{1,5}-?\d{2,}[A-Z0-9-]*\b")
NUMBER = re.compile(r"(?<![\w-])\d+(?:\.\d+)?(?![\w-])")
FORMATS = {"date": "2026-01-15", "date-time": "2026-01-15T09:30:00Z", "email": "ada@example.com"}
DEPTH_MAX = 6


def make(schema: JsonObject | None, *, text: str) -> JsonObject:
    """Arguments with every property that has a schema; `text` is what the user wrote."""
    made = value(schema if isinstance(schema, dict) else {}, name="", text=text, depth=0)
    return made if isinstance(made, dict) else {}


def value(schema: JsonObject, *, name: str, text: str, depth: int) -> Json:
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if schema.get("enum"):
        return next((choice for choice in schema["enum"] if str(choice) in text), schema["enum"][0])
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return value(branches[0], name=name, text=text, depth=depth + 1) if depth < DEPTH_MAX else None
    return by_type(type_of(schema), schema, name=name, text=text, depth=depth)


def type_of(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    return kind or ("object" if "properties" in schema or not schema else "string")


def by_type(kind: str, schema: JsonObject, *, name: str, text: str, depth: int) -> Json:
    if kind == "object":
        properties = schema.get("properties") or {}
        inner = properties.items() if depth < DEPTH_MAX else ()
        return {key: value(one or {"type": "string"}, name=key, text=text, depth=depth + 1) for key, one in inner}
    if kind == "array":
        item = value(schema.get("items") or {"type": "string"}, name=name, text=text, depth=depth + 1)
        return [item] * max(1, schema.get("minItems", 1)) if depth < DEPTH_MAX else []
    if kind in ("integer", "number"):
        return number(schema, kind=kind, text=text)
    return {"boolean": True, "null": None}[kind] if kind in ("boolean", "null") else word(schema, name, text)


def number(schema: JsonObject, *, kind: str, text: str) -> float:
    found = NUMBER.search(text)
    example = next(iter(schema.get("examples") or []), schema.get("minimum", 1))
    amount = float(found.group() if found else example)
    amount = max(schema.get("minimum", amount), min(schema.get("maximum", amount), amount))
    return int(amount) if kind == "integer" else amount


def word(schema: JsonObject, name: str, text: str) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    found = CODE.search(text)
    if found and re.search(r"id$|_id|code|number|ref|sku|order|shipment|parcel", name):
        return found.group()
    if schema.get("examples"):
        return str(schema["examples"][0])
    return f"sample {name.replace('_', ' ')}".strip()[: schema.get("maxLength", 200)]
