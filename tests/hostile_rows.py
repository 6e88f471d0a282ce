"""Hostile texts in every field of every object, in the index through the upsert: what sync would write of such a server.

As a program (`python -m tests.hostile_rows`) it fills the database of the environment and prints the addresses to open;
with `wide` those of texts that nothing can break.
"""

import json
import sys
from datetime import UTC, datetime, timedelta

from tests.hostile import HOSTILE

CREATED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PACK = 10  # texts in one packed run
# What a page cannot break where it wants to.
WIDE = [
    "W" * 240,
    "https://blobs.example/container/a.png?sv=2024-11-04&sig=" + "Ab9%2F" * 300,
    "data:image/png;base64," + "iVBORw0KGgo" * 400,
    "a\u00a0b" * 400 + "_" * 300,
    "|name" * 60 + "|\n" + "|-" * 60 + "|\n" + "|1234567890123456789" * 60 + "|",
    "![" + "long_alternative_text" * 20 + "](https://blobs.example/" + "x" * 500 + ".png)",
    "```\n" + "x = " + "y" * 2000 + "\n```\n\n    " + "z" * 2000,
    "$$\\frac{" + "a" * 600 + "}{b}$$ " + "東" * 600 + " " + "\u0e01" * 600,
    "# " + "H" * 600 + "\n\n1. " + "I" * 600 + "\n   > " + "Q" * 600,
    "[" + "link" * 200 + "](https://example.org/" + "p" * 600 + ")",
]


def id_of(kind: str, name: str) -> str:
    return f"{kind}_hostile{name}"


def function_call(text: str, number: int) -> dict:
    function = {"name": text, "arguments": text, "output": text}
    return {"id": f"call_f{number}", "type": "function", "function": function}


def json_call(text: str, number: int) -> dict:
    """Valid JSON around the text, so that it is shown as a tree."""
    arguments = json.dumps({text[:300]: [text, {"deep": text}]})
    return {"id": text, "type": "function", "function": {"name": "f", "arguments": arguments, "output": arguments}}


def code_call(text: str, number: int) -> dict:
    outputs = [{"type": "logs", "logs": text}, {"type": "image", "image": {"file_id": text}}]
    return {
        "id": f"call_c{number}",
        "type": "code_interpreter",
        "code_interpreter": {"input": text, "outputs": outputs},
    }


def search_call(text: str, number: int) -> dict:
    hit = {"file_id": text, "file_name": text, "score": 0.5, "content": [{"type": "text", "text": text}]}
    return {"id": f"call_s{number}", "type": "file_search", "file_search": {"results": [hit]}}


def other_call(text: str, number: int) -> dict:
    return {"id": f"call_o{number}", "type": text[:60], "server_label": text, text[:60]: {"x": text}}


CALLS = (function_call, json_call, code_call, search_call, other_call)


def step_objects(name: str, texts: list[str]) -> list[dict]:
    """A step of each kind of call, one call a text; one with an error; one of an unknown kind."""
    fields = {"object": "thread.run.step", "run_id": id_of("run", name), "thread_id": id_of("thread", name)}
    at = int(CREATED.timestamp())
    steps = []
    for make in CALLS:
        calls = [make(text, place) for place, text in enumerate(texts)]
        steps.append({"type": "tool_calls", "step_details": {"type": "tool_calls", "tool_calls": calls}})
    steps[0]["last_error"] = {"code": texts[0], "message": "\n".join(texts)}
    steps.append({"type": texts[0], "step_details": {"type": texts[0], "words": texts}})
    creation = {"message_id": id_of("msg", f"{name}x0")}
    steps.append(
        {"type": "message_creation", "step_details": {"type": "message_creation", "message_creation": creation}}
    )
    status = {"created_at": at, "completed_at": at + 2}
    ids = [{"id": id_of("step", f"{name}x{number}")} for number in range(len(steps))]
    return [fields | status | {"status": "completed"} | own | step for own, step in zip(ids, steps, strict=True)]


def message_objects(name: str, texts: list[str]) -> list[dict]:
    return [message_object(name, number, text) for number, text in enumerate(texts)]


def message_object(name: str, number: int, text: str) -> dict:
    annotations = [
        {"type": "file_citation", "text": text[:20], "start_index": 0, "end_index": min(20, len(text)),
         "file_citation": {"file_id": text, "quote": text}},
        {"type": "url_citation", "text": "x", "start_index": 1, "end_index": 2,
         "url_citation": {"url": text, "title": text}},
        {"type": "file_path", "text": "sandbox:/x", "start_index": 0, "end_index": 1, "file_path": {"file_id": text}},
    ]  # fmt: skip
    content = [
        {"type": "text", "text": {"value": text, "annotations": annotations}},
        {"type": "text", "text": {"value": f"# {text}\n\n* {text}\n\n> {text}\n\n`{text}`\n\n|a|b|\n|-|-|\n|{text}|x|", "annotations": []}},
        {"type": "image_file", "image_file": {"file_id": text}},
        {"type": "image_url", "image_url": {"url": text}},
        {"type": "refusal", "refusal": text},
        {"type": text[:40], text[:40]: text},
    ]  # fmt: skip
    return {
        "id": id_of("msg", f"{name}x{number}"), "object": "thread.message", "thread_id": id_of("thread", name),
        "run_id": id_of("run", name), "assistant_id": id_of("asst", name), "created_at": int(CREATED.timestamp()) + number,
        "role": "assistant" if number % 2 == 0 else "user", "content": content,
        "attachments": [{"file_id": text, "tools": []}], "metadata": {}, "status": "completed",
    }  # fmt: skip


def run_object(name: str, texts: list[str], *, waits: bool) -> dict:
    """A run with the texts in all its fields: failed, or waiting for a call of that name."""
    at = int(CREATED.timestamp())
    function = {"name": texts[0], "arguments": texts[0]}
    pending = [{"id": f"call_{name}", "type": "function", "function": function} for name in ("p", "q")]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": pending}}
    tools = [{"type": "function", "function": {"name": text, "description": text}} for text in texts]
    return {
        "id": id_of("run", name), "object": "thread.run", "thread_id": id_of("thread", name),
        "assistant_id": id_of("asst", name), "model": texts[0], "created_at": at, "started_at": at + 1,
        "status": "requires_action" if waits else "failed", "failed_at": None if waits else at + 9,
        "expires_at": int((datetime.now(UTC) + timedelta(hours=1)).timestamp()),
        "required_action": action if waits else None, "instructions": "\n".join(texts), "tools": tools,
        "last_error": None if waits else {"code": texts[0], "message": "\n".join(texts)},
        "metadata": {text[:60] + str(place): text[:512] for place, text in enumerate(texts)},
        "tool_choice": texts[0], "response_format": {"type": texts[0]}, "truncation_strategy": {"type": texts[0]},
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }  # fmt: skip


def hostile_run(connection: object, name: str, texts: list[str], *, waits: bool = False) -> object:
    """The run's row with its thread, steps, messages, assistant, audit entries and the trouble of its last refresh."""
    from django.utils import timezone

    from runsdash.index.snapshots.upsert_assistants import upsert_assistants
    from runsdash.index.snapshots.upsert_messages import upsert_messages
    from runsdash.index.snapshots.upsert_runs import upsert_run
    from runsdash.index.snapshots.upsert_steps import upsert_steps
    from runsdash.index.snapshots.upsert_threads import upsert_threads
    from runsdash.service import objects

    now = timezone.now()
    thread = {
        "id": id_of("thread", name), "object": "thread", "created_at": int(CREATED.timestamp()),
        "metadata": {text[:60] + str(place): text[:512] for place, text in enumerate(texts)},
        "tool_resources": {"file_search": {"vector_store_ids": texts}, texts[0]: {"file_ids": texts}},
    }  # fmt: skip
    assistant = {
        "id": id_of("asst", name),
        "object": "assistant",
        "name": texts[0],
        "model": texts[0],
        "instructions": texts[0],
    }
    threads = upsert_threads(connection, [objects.Thread.from_raw(thread)], fetched_at=now)
    upsert_assistants(connection, [objects.Assistant.from_raw(assistant)], fetched_at=now)
    run = upsert_run(connection, objects.Run.from_raw(run_object(name, texts, waits=waits)), fetched_at=now)
    steps = [objects.RunStep.from_raw(one) for one in step_objects(name, texts)]
    upsert_steps(run, steps, fetched_at=now)
    messages = [objects.Message.from_raw(one) for one in message_objects(name, texts)]
    upsert_messages(threads[thread["id"]], messages, fetched_at=now)
    trouble_and_trail(run, texts[0])
    return run


def trouble_and_trail(run: object, text: str) -> None:
    from runsdash.audit import trail
    from runsdash.index.models import Connection, Run, Thread
    from runsdash.service import UpstreamFailed
    from runsdash.sync.last_error import last_error_of

    trouble = last_error_of(UpstreamFailed(text, status=502, request_id=text))
    said, request_id = trouble["message"], trouble["request_id"]
    Run.objects.filter(pk=run.pk).update(trouble=trouble, has_all_steps=True)
    Thread.objects.filter(pk=run.thread_id).update(trouble=trouble)
    Connection.objects.filter(pk=run.connection_id).update(last_failure=trouble, last_failure_at=run.fetched_at)
    intent = trail.record_intent(
        action="modify_run", actor="olga", reason=said, connection_slug=run.connection.slug, run_id=run.upstream_id,
        thread_id=run.thread.upstream_id, before={"metadata": {said[:60]: said}},
        sent={"method": "POST", "url": said, "body": {"metadata": {said[:60]: "x" + said}}},
    )  # fmt: skip
    after = {"metadata": {said[:60]: "x" + said}}
    trail.record_outcome(
        intent, result="refused", after=after, upstream_status=400, upstream_message=said, request_id=request_id
    )


def packs() -> list[list[str]]:
    texts = [text for _, text in HOSTILE]
    return [texts[start : start + PACK] for start in range(0, len(texts), PACK)]


def fill(packed: list[list[str]]) -> list[dict]:
    """Packed runs of a connection that is off, so that nobody asks for them; each with its ids."""
    from runsdash.index.models import Connection

    text = packed[0][0]
    archive = Connection.objects.create(
        slug="archive", name=text, base_url="http://127.0.0.1:9/v1", kind="sandbox", is_enabled=False
    )
    made = []
    for number, texts in enumerate(packed):
        for waits in (False, True):
            run = hostile_run(archive, f"p{number}{'w' if waits else 'f'}", texts, waits=waits)
            steps = [one["id"] for one in step_objects(f"p{number}{'w' if waits else 'f'}", texts)]
            made.append({"id": run.upstream_id, "thread_id": run.thread.upstream_id, "steps": steps, "waits": waits})
    return made


if __name__ == "__main__":
    import django

    django.setup()
    json.dump(fill([WIDE] if "wide" in sys.argv else packs()), sys.stdout)
