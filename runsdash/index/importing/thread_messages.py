"""Finds which messages of a thread belong to a run's words: by the rules of storage/page_reads.py, from memory."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS

# As in `page_reads` and `fulltext.writer`, which cannot be imported without a database; a test compares the words.
QUESTIONS, MESSAGES_A_RUN = 20, 200


class ThreadMessage(NamedTuple):
    position: int
    run_id: str
    is_question: bool
    texts: list[Text]


@dataclass
class ThreadMessages:
    """Holds the messages that a block has of one thread, in the order of their positions."""

    messages: list[ThreadMessage] = field(default_factory=list)
    by_run: dict[str, list[ThreadMessage]] = field(default_factory=dict)

    def add(self, run_id: str | None, role: str, position: int, texts: list[Text]) -> None:
        """Adds a message. Call it in the order of positions."""
        message = ThreadMessage(position, run_id or "", role == "user" and not run_id, texts)
        self.messages.append(message)
        if message.run_id:
            self.by_run.setdefault(message.run_id, []).append(message)

    def texts(self, run_id: str, created_at: datetime) -> Iterator[Text]:
        """Yields the questions just before a run, then what it wrote."""
        for message in [*self.questions(created_at), *self.by_run.get(run_id, [])[:MESSAGES_A_RUN]]:
            yield from message.texts

    def questions(self, created_at: datetime) -> list[ThreadMessage]:
        second = int(created_at.timestamp())
        end = bisect_left(self.messages, second + 1 << MESSAGE_ORDER_BITS, key=lambda one: one.position)
        found: list[ThreadMessage] = []
        for message in reversed(self.messages[max(0, end - QUESTIONS) : end]):
            if message.is_question:
                found.append(message)
            elif message.position >> MESSAGE_ORDER_BITS < second:
                break
        return found[::-1]
