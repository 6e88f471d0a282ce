"""Cuts tool calls into the `delta` objects that a stream sends. Pure."""

from runsdash.sandbox.json_objects import JsonObject

PIECE = 24  # characters of arguments or input in one piece


def step_delta(step_id: str, call: JsonObject) -> JsonObject:
    details = {"type": "tool_calls", "tool_calls": [call]}
    return {"id": step_id, "object": "thread.run.step.delta", "delta": {"step_details": details}}


def opening(calls: list[JsonObject]) -> list[JsonObject]:
    """Makes the deltas of each call: first its id, then what it was given, piece by piece."""
    return [delta for at, call in enumerate(calls) for delta in one_opening(at, call)]


def one_opening(at: int, call: JsonObject) -> list[JsonObject]:
    head = {"index": at, "id": call["id"], "type": call["type"]}
    if call["type"] == "function":
        function = {"name": call["function"]["name"], "arguments": "", "output": None}
        return [head | {"function": function}] + [
            {"index": at, "type": "function", "function": {"arguments": piece}}
            for piece in pieces(call["function"]["arguments"])
        ]
    if call["type"] == "code_interpreter":
        return [head | {"code_interpreter": {"input": "", "outputs": []}}] + [
            {"index": at, "type": "code_interpreter", "code_interpreter": {"input": piece}}
            for piece in pieces(call["code_interpreter"]["input"])
        ]
    if call["type"] == "file_search":
        return [head | {"file_search": {}}]
    return [{"index": at, **call}]


def code_outputs(outputs: list[JsonObject]) -> JsonObject:
    """Makes the delta with what the interpreter of call 0 brought."""
    indexed = [{"index": at, **output} for at, output in enumerate(outputs)]
    return {"index": 0, "type": "code_interpreter", "code_interpreter": {"outputs": indexed}}


def pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
