"""Chooses the names, places and numbers of one seeded run, and fills them into its story."""

import random
import time
from typing import Any

from runsdash.sandbox.json_objects import JsonObject

from .stories import PEOPLE, PLACES, STREETS


def story_values(rng: random.Random, *, at: int) -> JsonObject:
    """Chooses a value for every `{name}` in a story; sums are really computed."""
    count, weight = rng.randrange(2, 60), rng.randrange(2, 30)
    values = [float(rng.choice((80, 95, 110, 140, 165))) for _ in range(2)]
    values += [120.0, 150.0, values[0] + values[1]]
    total = count * (7.40 + max(weight - 5, 0) * 0.95 + 12)
    return {
        "ref": f"NW-{rng.randrange(20_000, 99_999)}",
        "box": f"BX-{rng.randrange(100, 999)}",
        "person": rng.choice(PEOPLE),
        "place": rng.choice(PLACES),
        "street": rng.choice(STREETS),
        "postcode": str(rng.randrange(1000, 9999)),
        "day": time.strftime("%A, %d %B", time.gmtime(at + 86_400 * rng.randrange(1, 5))),
        "minutes": rng.randrange(15, 240),
        "amount": rng.randrange(8, 150),
        "degrees": round(rng.uniform(5, 9.5), 1),
        "count": count,
        "weight": weight,
        "total": f"{total:.2f}",
        "formula": f"{count} * (7.40 + max({weight} - 5, 0) * 0.95 + 12)",
        "values": values,
        "week": ", ".join(f"{value:g}" for value in values),
        "peak": f"{max(values):g}",
    }


def fill(template: Any, values: JsonObject) -> Any:
    """Fills every `{name}` of a template; a text that is one name alone keeps the value's type."""
    if isinstance(template, dict):
        return {name: fill(one, values) for name, one in template.items()}
    if not isinstance(template, str) or "{" not in template:
        return template
    whole = values.get(template[1:-1]) if template[0] == "{" and template[-1] == "}" else None
    return whole if whole is not None else template.format_map(values)
