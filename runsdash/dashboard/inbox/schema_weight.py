"""Estimates how much work checking an output takes for each of its characters.

A validator cannot be stopped, so a schema whose work cannot be foreseen is refused. Validates nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator

from runsdash.service.json_types import Json, JsonObject

MAX_WEIGHT = 5000
AGAIN = 4  # `unevaluated...` looks at the rest of its schema again
NOT_FOLLOWED = ("$dynamicRef", "$recursiveRef")
SAME, ITEM, PROPERTY = "same", "item", "property"  # what of the value a subschema is applied to
APPLIED_TO = {
    "allOf": SAME, "anyOf": SAME, "oneOf": SAME, "not": SAME, "if": SAME, "then": SAME, "else": SAME,
    "dependentSchemas": SAME, "prefixItems": ITEM, "items": ITEM, "contains": ITEM, "unevaluatedItems": ITEM,
    "properties": PROPERTY, "patternProperties": PROPERTY, "additionalProperties": PROPERTY,
    "propertyNames": PROPERTY, "unevaluatedProperties": PROPERTY,
}  # fmt: skip
MAPS = {"dependentSchemas", "properties", "patternProperties"}
ONE_OF_THEM = {"properties", "prefixItems"}  # of these subschemas one alone is applied to a part of the value
REPEATED = re.compile(r"(\)?)\{(\d*),?(\d*)\}")
Loops = dict[str, Counter[str]]  # references to schemas around this one, by what of the value they lead to


class TooHeavy(ValueError):
    """Says in a sentence that the schema's work is too much, or cannot be foreseen."""


def weight_of(schema: Json) -> int:
    """Counts rules that may look at one place of a value, all references followed. Raises TooHeavy."""
    try:
        return Weighing(schema).of_target("#", around=())[0]
    except RecursionError:
        raise TooHeavy("It is nested too deeply.") from None


class Weighing:
    """Weighs one schema and counts what it has visited."""

    def __init__(self, root: Json) -> None:
        self.root, self.visited = root, 0

    def of_target(self, reference: str, *, around: tuple[str, ...]) -> tuple[int, Loops]:
        """Weighs a reference's target. One that leads back may do so once only, or the work doubles at each level."""
        if reference in around:
            return 1, {SAME: Counter([reference])}
        weight, loops = self.of_schema(self.target(reference), (*around, reference))
        if any(reference in targets for targets in loops.values()):
            if sum(meeting(loops).values()) > 1:
                raise TooHeavy(f"It leads back to {reference[:80]} in more than one way, which may take forever.")
            loops = {}
        return weight, loops

    def of_schema(self, schema: Json, around: tuple[str, ...]) -> tuple[int, Loops]:
        if not isinstance(schema, dict):
            return 1, {}
        if ("$id" in schema and schema is not self.root) or any(name in schema for name in NOT_FOLLOWED):
            raise TooHeavy("Of references only those that begin with # are followed, and no part has an $id.")
        weight, loops = own_weight(schema), no_loops()
        self.visit(weight)
        if isinstance(reference := schema.get("$ref"), str):
            inner, inner_loops = self.of_target(reference, around=around)
            weight += inner
            for kind, targets in inner_loops.items():
                loops[kind] += targets
        for name in schema.keys() & APPLIED_TO.keys():
            kind = APPLIED_TO[name]
            inner, inner_loops = self.of_parts(name, schema[name], around)
            weight += inner
            for own, targets in inner_loops.items() if kind == SAME else [(kind, meeting(inner_loops))]:
                loops[own] += targets
        if "unevaluatedItems" in schema or "unevaluatedProperties" in schema:
            weight *= AGAIN
        if weight > MAX_WEIGHT:
            self.visit(weight)
        return weight, loops

    def of_parts(self, name: str, value: Json, around: tuple[str, ...]) -> tuple[int, Loops]:
        weight, loops = 0, no_loops()
        for part in parts_of(name, value):
            inner, inner_loops = self.of_schema(part, around)
            weight += inner
            for kind, targets in inner_loops.items():
                loops[kind] = loops[kind] | targets if name in ONE_OF_THEM else loops[kind] + targets
        return weight, loops

    def target(self, reference: str) -> Json:
        place = self.root
        if reference == "#":
            return place
        if not reference.startswith("#/"):
            raise TooHeavy(f"The reference “{reference[:80]}” is not followed: only # and #/… within the schema are.")
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(place, list) and part.isdecimal() and len(part) < 6 and int(part) < len(place):
                place = place[int(part)]
            elif isinstance(place, dict) and part in place:
                place = place[part]
            else:
                raise TooHeavy(f"The reference “{reference[:80]}” leads nowhere.")
        return place

    def visit(self, weight: int) -> None:
        self.visited += weight
        if self.visited > MAX_WEIGHT:
            raise TooHeavy("With all its references followed it has too many rules.")


def no_loops() -> Loops:
    return {SAME: Counter(), ITEM: Counter(), PROPERTY: Counter()}


def meeting(loops: Loops) -> Counter[str]:
    """Counts how often each loop may be entered from one part of a value: an item is no property."""
    either = loops.get(ITEM, Counter()) | loops.get(PROPERTY, Counter())
    return loops.get(SAME, Counter()) + either


def parts_of(name: str, value: Json) -> Iterator[Json]:
    if name in MAPS:
        yield from value.values() if isinstance(value, dict) else ()
    elif isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def own_weight(schema: JsonObject) -> int:
    """Weighs the rules of a schema without its subschemas."""
    listed = [schema.get(name) for name in ("enum", "required")]
    named = schema.get("patternProperties")
    patterns = [schema.get("pattern"), *(named if isinstance(named, dict) else ())]
    return (
        len(schema)
        + sum(len(one) for one in listed if isinstance(one, list))
        + sum(weight_of_pattern(one) for one in patterns if isinstance(one, str))
    )


def weight_of_pattern(pattern: str) -> int:
    """Estimates the states of a pattern's machine: repeated groups multiply, all else adds."""
    times, states = 1, len(pattern) // 4
    for group, low, high in REPEATED.findall(pattern[:MAX_WEIGHT]):
        most = int((high or low or "1")[:6])
        if group:
            times = min(times * max(most, 1), MAX_WEIGHT)
        else:
            states += most
    return 1 + times * states
