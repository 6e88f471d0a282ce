"""Blank message and step objects for what is written in bulk, with every field the API shows."""


def message_object(id: str, thread_id: str, *, role: str, at: int) -> dict:
    """A message without content; `at` is its second."""
    return {
        "id": id,
        "object": "thread.message",
        "created_at": at,
        "thread_id": thread_id,
        "status": "completed",
        "incomplete_details": None,
        "completed_at": None,
        "incomplete_at": None,
        "role": role,
        "content": [],
        "assistant_id": None,
        "run_id": None,
        "attachments": [],
        "metadata": {},
    }


def step_object(id: str, run: dict, type: str, details: dict, *, at: int) -> dict:
    """A completed step that began at `at`, without its end and usage."""
    return {
        "id": id,
        "object": "thread.run.step",
        "created_at": at,
        "assistant_id": run["assistant_id"],
        "thread_id": run["thread_id"],
        "run_id": run["id"],
        "type": type,
        "status": "completed",
        "step_details": {"type": type, **details},
        "last_error": None,
        "expired_at": None,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "metadata": {},
        "usage": None,
    }
