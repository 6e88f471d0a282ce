"""Names the type of JSON objects, which are stored and sent as they are, and writes them as text."""

import json
from typing import Any

JsonObject = dict[str, Any]


def dump(value: object) -> str:
    """Writes JSON without spaces, as the API and as models write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
