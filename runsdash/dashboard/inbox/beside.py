"""Gathers what stands beside the form of a run: whose it is, what its functions do, and the last messages.

Reads the index only.
"""

from dataclasses import dataclass, field

from runsdash.dashboard.run.parameters import function_tools
from runsdash.index.models import Message, Run
from runsdash.index.storage import page_reads, run_reads
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS

LAST_MESSAGES = 3
MESSAGE_CHARS = 600


@dataclass(frozen=True, kw_only=True)
class LastMessage:
    """Holds one message as plain text, cut. `is_question`: the run answers it."""

    message: Message
    text: str
    is_question: bool


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Holds the thread's and the run's metadata, and the last messages before the run's own, oldest first.

    `functions`: what each does, in the words that the run was given.
    """

    messages: list[LastMessage]
    names: dict[str, str]
    thread_metadata: dict[str, str] = field(default_factory=dict)
    run_metadata: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    assistant_name: str = ""


def beside(run: Run, body: run_reads.RunBeside | None = None) -> Beside:
    """Reads it in two queries, and in one more where the run's `body` is not read yet."""
    body = body or run_reads.run_beside(run)
    found = last_messages(run)
    names = page_reads.assistant_names(run.connection_id, {run.assistant_id} | {one.assistant_id for one in found})
    question = next((one for one in reversed(found) if one.role == "user"), None)
    return Beside(
        messages=[
            LastMessage(message=one, text=text_of(one)[: MESSAGE_CHARS + 1], is_question=one is question)
            for one in found
        ],
        names=names,
        thread_metadata=run.thread.metadata or {},
        run_metadata=run.metadata or {},
        functions={one["name"]: one["description"] for one in function_tools(body.parameters.get("tools"))},
        assistant_name=names.get(run.assistant_id, ""),
    )


def last_messages(run: Run) -> list[Message]:
    """Returns the last messages up to the second in which the run was made; its own stand in its steps."""
    second = int(run.created_at.timestamp())
    rows = Message.objects.filter(thread_id=run.thread_id, position__lt=second + 1 << MESSAGE_ORDER_BITS)
    return list(rows.order_by("-position", "-id")[:LAST_MESSAGES])[::-1]


def text_of(message: Message) -> str:
    """Joins the texts of a message's parts; an image is named."""
    words = []
    for part in message.parts:
        text = part.get("text")
        words.append(str(text.get("text", "")) if isinstance(text, dict) else f"({part.get('type') or 'a part'})")
    return "\n".join(words).strip()
