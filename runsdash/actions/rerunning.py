"""Starts a run again: with the source's parameters as edited, on its thread or on a copy of it up to that point."""

from runsdash.accounts.models import User
from runsdash.index.bodies import raw_object
from runsdash.index.models import Run, RunBody, Thread
from runsdash.service import InvalidRequest, objects
from runsdash.sync.clients import client_for

from .models import Lineage
from .starting import create_run, create_thread

MAX_COPIED = 500  # messages a copy of a thread takes over
MAX_PREFILLED_BYTES = 4 * 1024 * 1024
OF_THREAD = ".thread"  # the one-time token of the thread that is made before its run
PARAMETERS = (
    "assistant_id",
    "model",
    "instructions",
    "tools",
    "temperature",
    "top_p",
    "max_prompt_tokens",
    "max_completion_tokens",
    "truncation_strategy",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "metadata",
)


def parameters_of(run: Run) -> dict[str, object]:
    """What the source run was made with, as far as the API repeats it. Nulls are left out."""
    body = RunBody.objects.filter(run=run).first()
    raw = raw_object(body) if body and body.size <= MAX_PREFILLED_BYTES else {}
    found = {name: raw.get(name) for name in PARAMETERS}
    found["assistant_id"] = run.assistant_id
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def changed_names(run: Run, parameters: dict[str, object]) -> list[str]:
    before = parameters_of(run)
    names = sorted({*before, *parameters})
    return [name for name in names if before.get(name) != parameters.get(name)]


def rerun(
    *, actor: User, source: Run, parameters: dict[str, object], on_copy: bool, token: str, reason: str = ""
) -> Run:
    """The new run. Its lineage is kept on both sides."""
    common = {"actor": actor, "connection": source.connection, "reason": reason}
    thread_id = source.thread.upstream_id
    if on_copy:
        copied = copy_parameters(source)
        thread_id = create_thread(**common, parameters=copied, token=token + OF_THREAD).upstream_id
    run = create_run(**common, thread_id=thread_id, parameters=parameters, token=token)
    Lineage.objects.update_or_create(
        run=run,
        defaults={
            "source": source,
            "is_on_copy": on_copy,
            "changed": changed_names(source, parameters),
            "made_by": actor.get_username(),
        },
    )
    return run


def copy_parameters(source: Run) -> dict[str, object]:
    """What a copy of the source's thread is made with: its messages before the run answered, metadata, resources."""
    found = {"messages": [request_message(one) for one in messages_before(source)]}
    thread: Thread = source.thread
    if thread.metadata:
        found["metadata"] = thread.metadata
    resources = {name: value for name, value in (thread.tool_resources or {}).items() if value}
    if resources:
        found["tool_resources"] = resources
    return found


def messages_before(source: Run) -> list[objects.Message]:
    """The thread's messages up to the run, oldest first, asked from the upstream: the index may lack old ones."""
    found: list[objects.Message] = []
    client = client_for(source.connection)
    for message in client.iter_messages(thread_id=source.thread.upstream_id, order="asc", limit=100):
        is_later = message.created_at is not None and message.created_at > source.created_at
        if is_later and message.role == "user":
            break
        if is_later or (message.run_id == source.upstream_id and message.role != "user"):
            continue
        found.append(message)
        if len(found) > MAX_COPIED:
            raise InvalidRequest(
                f"The thread has more than {MAX_COPIED} messages before this run; too many to copy.", param="target"
            )
    return found


def request_message(message: objects.Message) -> dict[str, object]:
    """A message as a request takes it: text parts are plain strings there."""
    parts = [request_part(part) for part in message.content]
    found: dict[str, object] = {"role": message.role, "content": [part for part in parts if part]}
    if message.attachments:
        found["attachments"] = message.attachments
    if message.metadata:
        found["metadata"] = message.metadata
    return found


def request_part(part: objects.MessageContent) -> dict[str, object] | None:
    if part.type == "text":
        return {"type": "text", "text": part.text or " "}
    if part.refusal:
        return {"type": "text", "text": part.refusal}
    return part.raw if part.type in {"image_file", "image_url"} and isinstance(part.raw, dict) else None
