"""Cuts a stream into its parts: messages, arguments of calls, code and its logs, each as the text it has by now.

Reads what the stream has accumulated, so servers that send everything in one piece are shown like those that trickle.
"""

from collections.abc import Iterator

from runsdash.actions.models import LivePieceKind
from runsdash.index.storage.storable_text import storable
from runsdash.service import RunStream
from runsdash.service.objects import Message, RunStep

from .output_rows import MAX_CHARS, NewText

FULL = f"More than {MAX_CHARS:,} characters: the rest comes with the run's steps and messages."
WAITS = "The run waits for the outputs of its tools."


def parts_of(stream: RunStream) -> Iterator[NewText]:
    """Yields every part with its whole text so far, in the order of the steps."""
    messages = {one.id: one for one in stream.messages if one.role != "user"}
    for step in stream.steps:
        yield from parts_of_step(step)
        message = messages.pop(step.message_id or "", None)
        if message is not None:
            yield part_of_message(message)
    for message in messages.values():
        yield part_of_message(message)


def part_of_message(message: Message) -> NewText:
    texts = [part.text or part.refusal or "" for part in message.content]
    return NewText(
        part=message.id, kind=LivePieceKind.TEXT, label="Answer", text="\n\n".join(text for text in texts if text)
    )


def parts_of_step(step: RunStep) -> Iterator[NewText]:
    for at, call in enumerate(step.tool_calls):
        key = f"{step.id}:{at}"
        if call.kind == "code":
            yield NewText(part=f"{key}:code", kind=LivePieceKind.CODE, label="Code", text=call.code_input)
            yield NewText(part=f"{key}:logs", kind=LivePieceKind.LOGS, label="Logs", text="\n".join(call.logs))
        else:
            yield NewText(part=key, kind=LivePieceKind.ARGUMENTS, label=call.name, text=call.arguments)


class UnwrittenText:
    """Finds the text of a stream that no row holds yet. `kept`: characters that the rows hold already, by part."""

    def __init__(self, stream: RunStream, *, kept: dict[str, int], segment: int) -> None:
        self.stream, self.kept, self.segment = stream, dict(kept), segment
        self.left = max(0, MAX_CHARS - sum(kept.values()))

    def take(self) -> list[NewText]:
        """Returns what came since it was last asked; the caller writes it."""
        found = [new for part in parts_of(self.stream) if (new := self.new_in(part)) is not None]
        if found and self.left <= 0:
            found += self.once(f"full-{self.segment}", FULL)
        run = self.stream.run
        if run is not None and run.status.is_waiting:
            found += self.once(f"waits-{self.segment}", WAITS)
        return found

    def new_in(self, part: NewText) -> NewText | None:
        """Returns what is new in a part. Line ends are made alike first: a cut between CR and LF must not count."""
        text = storable(part.text.replace("\r\n", "\n").replace("\r", "\n"))
        key = part.part[:200]
        new = text[self.kept.get(key, 0) :][: self.left]
        if not new:
            return None
        opens = key not in self.kept
        self.kept[key] = self.kept.get(key, 0) + len(new)
        self.left -= len(new)
        return NewText(part=key, kind=part.kind, label=storable(part.label), text=new, opens=opens)

    def once(self, key: str, words: str) -> list[NewText]:
        if key in self.kept:
            return []
        self.kept[key] = len(words)
        return [NewText(part=key, kind=LivePieceKind.EVENT, label="", text=words, opens=True)]
