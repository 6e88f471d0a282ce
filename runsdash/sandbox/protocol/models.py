"""Lists the model names the sandbox offers. They are names only: no model runs here."""

from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.state import Call

NAMES = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "o4-mini")


def list_all(call: Call) -> JsonObject:
    made = 1_760_000_000
    rows = [{"id": name, "object": "model", "created": made, "owned_by": "sandbox"} for name in NAMES]
    return {"object": "list", "data": rows}
