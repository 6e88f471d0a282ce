"""Makes message and step objects with every field the API shows, and counts tokens. Pure."""

import math
from collections.abc import Sequence

from runsdash.sandbox.json_objects import JsonObject

CHARS_A_TOKEN = 4  # the usual rule of thumb for English text


def tokens(chars: int) -> int:
    return math.ceil(chars / CHARS_A_TOKEN)


def usage(prompt: int, completion: int) -> JsonObject:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def content(text: str, *, annotations: Sequence[JsonObject] = (), images: Sequence[str] = ()) -> list[JsonObject]:
    """Makes message content: one text part, then the images."""
    parts = [{"type": "text", "text": {"value": text, "annotations": list(annotations)}}]
    shown = [{"file_id": file_id, "detail": "auto"} for file_id in images]
    return parts + [{"type": "image_file", "image_file": image} for image in shown]


def message_object(id: str, thread_id: str, *, role: str, at: int, run: JsonObject | None = None) -> JsonObject:
    """Makes a completed message without content, of `run` if one wrote it; `at` is its second."""
    return {
        "id": id,
        "object": "thread.message",
        "created_at": at,
        "thread_id": thread_id,
        "status": "completed",
        "incomplete_details": None,
        "completed_at": at,
        "incomplete_at": None,
        "role": role,
        "content": [],
        "assistant_id": run and run["assistant_id"],
        "run_id": run and run["id"],
        "attachments": [],
        "metadata": {},
    }


def message_text(message: JsonObject) -> str:
    """Joins all text of a message by line breaks."""
    return "\n".join(part["text"]["value"] for part in message["content"] if part["type"] == "text")


def without_output(call: JsonObject) -> JsonObject:
    """Returns a call as a waiting run and a model are shown it."""
    own = {name: value for name, value in call[call["type"]].items() if name != "output"}
    return {"id": call["id"], "type": call["type"], call["type"]: own}


def chart_object(id: str, run: JsonObject, image: bytes, *, at: int) -> JsonObject:
    """Makes the file object of a chart that `run` drew."""
    return {
        "id": id,
        "object": "file",
        "bytes": len(image),
        "created_at": at,
        "filename": f"{run['id']}-chart.png",
        "purpose": "assistants_output",
        "status": "processed",
    }


def step_object(id: str, run: JsonObject, type: str, details: JsonObject, *, at: int) -> JsonObject:
    """Makes a step that began at `at` (Unix seconds) and is in progress."""
    return {
        "id": id,
        "object": "thread.run.step",
        "created_at": at,
        "assistant_id": run["assistant_id"],
        "thread_id": run["thread_id"],
        "run_id": run["id"],
        "type": type,
        "status": "in_progress",
        "step_details": {"type": type, **details},
        "last_error": None,
        "expired_at": None,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "metadata": {},
        "usage": None,
    }
