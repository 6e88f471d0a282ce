"""Starts a run again: with the source's parameters as edited, on its thread or on a copy of it up to that point."""

from typing import Any

from runsdash.accounts.models import User
from runsdash.index.models import Run, RunBody, Thread
from runsdash.index.storage.bodies import raw_object
from runsdash.index.storage.previews import RUN_PARAMETERS
from runsdash.service import InvalidRequest, objects
from runsdash.service.json_types import JsonFields, JsonLike, JsonObject
from runsdash.sync.clients import client_for

from .lineage import origin
from .start_run import create_run, create_thread

MAX_COPIED = 500  # messages a copy of a thread takes over
MAX_PREFILLED_BYTES = 4 * 1024 * 1024
ROLES = ("user", "assistant")  # of messages that a request may bring
OF_THREAD = ".thread"  # the one-time token of the thread that is made before its run
PARAMETERS = ("assistant_id", "model", "instructions", "tools", *RUN_PARAMETERS, "metadata")


def parameters_of(run: Run) -> JsonObject:
    """Returns what the source run was made with, as far as the API repeats it. Nulls are left out."""
    body = RunBody.objects.filter(run=run).first()
    raw = raw_object(body) if body and body.size <= MAX_PREFILLED_BYTES else {}
    found = {name: raw.get(name) for name in PARAMETERS}
    found["assistant_id"] = run.assistant_id
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def changed_names(run: Run, parameters: JsonFields) -> list[str]:
    before = parameters_of(run)
    names = sorted({*before, *parameters} - {"stream"})  # how the run is delivered: no run tells how it was
    return [name for name in names if before.get(name) != parameters.get(name)]


def rerun(*, actor: User, source: Run, parameters: JsonFields, token: str, copy_id: str = "", reason: str = "") -> Run:
    """Starts the new run on the source's thread, or on the copy that was made before, and keeps its lineage."""
    return create_run(
        actor=actor, connection=source.connection, thread_id=copy_id or source.thread.upstream_id,
        parameters=parameters, token=token, reason=reason,
        origin=origin(source, changed=changed_names(source, parameters), is_on_copy=bool(copy_id)),
    )  # fmt: skip


def copy_thread(
    *, actor: User, source: Run, token: str, reason: str = "", texts_only: bool = False
) -> tuple[Thread, list[str]]:
    """Makes the copy that a re-run goes on, before its run, so that a second try finds it.

    Returns it with sentences on what it lacks. `texts_only`: without files, images, metadata and resources.
    """
    messages = messages_before(source)
    parameters = copy_parameters(source, messages, texts_only=texts_only)
    copy = create_thread(
        actor=actor, connection=source.connection, parameters=parameters, token=token + OF_THREAD, reason=reason
    )
    return copy, lacks_of_copy(messages, parameters["messages"])


def lacks_of_copy(messages: list[objects.Message], copied: list[dict[str, JsonLike]]) -> list[str]:
    """Says how the copy differs from the messages that it was made of."""
    said, lost = [], len(messages) - len(copied)
    if lost:
        said.append(
            f"{lost} message{'s' if lost > 1 else ''} without content that can be copied: left out of the copy."
        )
    roles = sorted({message.role or "none" for message in messages} - {*ROLES})
    if roles:
        said.append(f"The API takes no messages of the role {', '.join(roles)}: copied as a user's or an assistant's.")
    return said


def copy_parameters(source: Run, messages: list[objects.Message], *, texts_only: bool = False) -> dict[str, Any]:
    """Returns what a copy of the source's thread is made with: messages up to the run, metadata, resources."""
    copied = [request_message(one, texts_only=texts_only) for one in messages]
    found: dict[str, Any] = {"messages": [one for one in copied if one["content"]]}
    thread: Thread = source.thread
    if texts_only:
        return found
    if thread.metadata:
        found["metadata"] = thread.metadata
    resources = {name: value for name, value in (thread.tool_resources or {}).items() if value}
    if resources:
        found["tool_resources"] = resources
    return found


def messages_before(source: Run) -> list[objects.Message]:
    """Asks the upstream for the thread's messages up to the run, oldest first: the index may lack old ones."""
    found: list[objects.Message] = []
    walk = client_for(source.connection).iter_messages(thread_id=source.thread.upstream_id, order="asc", limit=100)
    for message in walk:
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
    if walk.stage.is_doubted:
        raise InvalidRequest(
            "The upstream's list of messages does not go on to its end; the copy would lack some of them.",
            param="target",
        )
    return found


def request_message(message: objects.Message, *, texts_only: bool = False) -> dict[str, JsonLike]:
    """Turns a message into what a request takes: text parts as plain strings, and one of the two roles."""
    parts = [part for part in map(request_part, message.content) if part]
    wrote = "assistant" if message.run_id or message.assistant_id else "user"
    found: dict[str, JsonLike] = {"role": message.role if message.role in ROLES else wrote, "content": parts}
    if texts_only:
        return found | {"content": [part for part in parts if part["type"] == "text"]}
    if message.attachments:
        found["attachments"] = message.attachments
    if message.metadata:
        found["metadata"] = message.metadata
    return found


def request_part(part: objects.MessageContent) -> JsonObject | None:
    if part.type == "text":
        return {"type": "text", "text": str(part.text)} if part.text.strip() else None
    if part.refusal:
        return {"type": "text", "text": part.refusal}
    return part.raw if part.type in {"image_file", "image_url"} and isinstance(part.raw, dict) else None
