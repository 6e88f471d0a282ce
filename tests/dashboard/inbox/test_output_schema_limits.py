"""Schemas and outputs made to keep the validator busy: the work is bounded, or refused with a sentence."""

import json
import time

import pytest

from runsdash.dashboard.inbox.output_schemas import parsed_schema, problems_of
from runsdash.dashboard.inbox.schema_weight import MAX_WEIGHT, TooHeavy, weight_of

EXACT = 3544790567247868102
TOO_LONG = "This output is too long to be checked against the function's schema."
LONG = 500_000


def doubled(levels: int, keyword: str) -> dict:
    """Each definition refers twice to the one below, so the work doubles with each."""
    steps = {f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, levels + 1)}
    return {"$defs": {"a0": {"type": "string"}, **steps}, "$ref": f"#/$defs/a{levels}"}


def within(levels: int, keyword: str) -> dict:
    schema: dict = {"properties": {"a": {}}}
    for _ in range(levels):
        schema = {"allOf": [schema], keyword: False}
    return schema


HEAVY = {
    "references that double": doubled(24, "allOf"),
    "alternatives that double": doubled(24, "oneOf"),
    "twice itself": {"items": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}},
    "itself here and below": {"allOf": [{"$ref": "#"}], "items": {"$ref": "#"}},
    "two that call each other": {
        "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"anyOf": [{"$ref": "#/$defs/a"}] * 2}},
        "$ref": "#/$defs/a",
    },
    "unevaluated in unevaluated": within(12, "unevaluatedProperties"),
    "many choices": {"items": {"enum": [[n] for n in range(MAX_WEIGHT)]}},
    "many patterns": {"patternProperties": {f"^[a-z]{{1,900}}{n}$": {} for n in range(40)}},
    "a counted group": {"pattern": "^(a{1,90}){1,90}$"},
    "an anchor": {"$ref": "#somewhere"},
    "a dynamic reference": {"$dynamicRef": "#meta"},
    "elsewhere": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    "a file": {"$ref": "file:///etc/passwd"},
    "nowhere": {"$ref": "#/$defs/none"},
    "another base": {"properties": {"a": {"$id": "https://other.example/", "$ref": "#"}}},
    "look-around": {"pattern": "^(?=a)b"},
    "back-reference": {"pattern": r"(a)\1"},
    "a vast pattern": {"pattern": r"(\w{1,400}){1,400}"},
}


@pytest.mark.parametrize("schema", HEAVY.values(), ids=HEAVY)
def test_a_schema_whose_work_cannot_be_foreseen_is_refused(schema, upstream):
    started = time.process_time()
    with pytest.raises(ValueError, match=r"\w\.$"):
        parsed_schema(json.dumps(schema))
    assert "cannot be used" in problems_of(schema, '{"a": [1]}')[()]
    assert time.process_time() - started < 5
    assert upstream.requests() == []


LIGHT = {
    "a tree": {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}},
    "a list of itself": {"properties": {"children": {"items": {"$ref": "#"}}}},
    "any JSON": {
        "$defs": {
            "any": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"$ref": "#/$defs/any"}},
                    {"type": "object", "additionalProperties": {"$ref": "#/$defs/any"}},
                ]
            }
        },
        "properties": {"a": {"$ref": "#/$defs/any"}, "b": {"$ref": "#/$defs/any"}},
    },
    "a shared part": {"$defs": {"a": {"type": "string"}}, "properties": {n: {"$ref": "#/$defs/a"} for n in "xyz"}},
    "a date": {"pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "an id": {"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    "a named root": {"$id": "https://a.example/", "items": {"$ref": "#"}},
}


@pytest.mark.parametrize("schema", LIGHT.values(), ids=LIGHT)
def test_common_schemas_are_taken(schema):
    assert parsed_schema(json.dumps(schema)) == schema


CROWDED = {
    "a pattern that backtracks": ({"pattern": "^(a+)+$"}, json.dumps("a" * LONG + "!")),
    "names that backtrack": ({"patternProperties": {"^(a|a)*$": False}}, json.dumps({"a" * LONG + "!": 1})),
    "a counted pattern": ({"pattern": "[01]*1[01]{300}x"}, json.dumps("01101" * (LONG // 5))),
    "unique lists": ({"uniqueItems": True}, json.dumps([[n] for n in range(LONG // 10)])),
    "unique objects": ({"uniqueItems": True}, json.dumps([{"a": n} for n in range(LONG // 15)])),
    "unique long numbers": ({"uniqueItems": True}, json.dumps([10**30 + n for n in range(LONG // 33)])),
    "multiples of a long number": ({"items": {"multipleOf": 7}}, json.dumps([10**4000] * 120)),
    "many errors": ({"items": {"type": "string"}}, json.dumps([1] * (LONG // 3))),
    "many errors in alternatives": (
        {"anyOf": [{"items": {"type": "string"}}] * 10, "minItems": 1},
        json.dumps([1] * (LONG // 3)),
    ),
    "an error at each level": ({"maxItems": 0, "items": {"$ref": "#"}}, "[" * 200 + json.dumps("x" * LONG) + "]" * 200),
    "deep": ({"items": {"$ref": "#"}}, "[" * 900 + "1" + "]" * 900),
}


@pytest.mark.parametrize(("schema", "text"), CROWDED.values(), ids=CROWDED)
@pytest.mark.timeout(60)
def test_an_output_of_any_size_is_checked_in_bounded_time(schema, text):
    started = time.process_time()
    problems = problems_of(schema, text)
    assert time.process_time() - started < 5
    assert set(problems) <= {()}
    assert all(len(sentence) < 400 for sentence in problems.values())


def test_a_heavy_schema_does_not_read_a_long_output():
    schema = {"items": {"enum": list(range(2000))}}
    assert problems_of(schema, "[1, 2]") == {}
    assert problems_of(schema, json.dumps([1] * 20_000)) == {(): TOO_LONG}


def test_weights_follow_references():
    part = {"type": "string", "minLength": 1}
    once = weight_of({"$defs": {"a": part}, "properties": {"x": {"$ref": "#/$defs/a"}}})
    twice = weight_of({"$defs": {"a": part}, "properties": {n: {"$ref": "#/$defs/a"} for n in "xy"}})
    assert twice - once == 1 + len(part)
    with pytest.raises(TooHeavy):
        weight_of(doubled(60, "anyOf"))


@pytest.mark.parametrize(
    ("schema", "text", "is_good"),
    [
        ({"const": EXACT}, str(EXACT), True),
        ({"const": EXACT}, str(EXACT + 1), False),
        ({"maximum": EXACT}, str(EXACT + 1), False),
        ({"enum": [10**30]}, str(10**30 + 1), False),
        ({"multipleOf": 10**20}, str(10**40), True),
        ({"multipleOf": 0.01}, "4.35", True),
    ],
)
def test_numbers_stay_exact(schema, text, is_good):
    assert (problems_of(schema, text) == {}) is is_good


def test_sentences_tell_which_alternative_was_meant():
    schema = {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 3}]}
    assert problems_of(schema, "1") == {(): "1 is less than the minimum of 3."}
    assert "anyOf" in problems_of(schema, '"x"')[()]


@pytest.mark.parametrize("schema", [{"pattern": 5, "patternProperties": 7, "enum": 3, "$ref": 4}, {"items": [1]}])
def test_odd_types_are_refused_with_a_sentence(schema):
    with pytest.raises(ValueError, match="Not a JSON Schema"):
        parsed_schema(json.dumps(schema))


def test_half_a_character_is_told():
    assert "half a character" in problems_of({"type": "string"}, '"\\ud800"')[()]
    with pytest.raises(ValueError, match="half a character"):
        parsed_schema('{"pattern": "\\ud800"}')
