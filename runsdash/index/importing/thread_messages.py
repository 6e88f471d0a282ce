"""Finds which messages of a thread belong to a run's words: by the rules of storage/page_reads.py, from memory."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runsdash.index.excerpts import LOOKED_AT, question_among, reply_among
from runsdash.index.fulltext.run_texts import Text
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS

from .row_types import MessageRows

# As in `page_reads` and `fulltext.writer`, which cannot be imported without a database; a test compares the words.
QUESTIONS, MESSAGES_A_RUN = 20, 200


class ThreadMessage(NamedTuple):
    position: int
    run_id: str
    role: str
    excerpt: str
    texts: list[Text]


@dataclass
class ThreadMessages:
    """Holds the messages that a block has of one thread, in the order of their positions."""

    messages: list[ThreadMessage] = field(default_factory=list)
    by_run: dict[str, list[ThreadMessage]] = field(default_factory=dict)

    def add(self, rows: MessageRows, position: int, texts: list[Text]) -> None:
        """Adds a message. Call it in the order of positions."""
        message = ThreadMessage(position, rows.run_id, rows.role, rows.excerpt, texts)
        self.messages.append(message)
        if message.run_id:
            self.by_run.setdefault(message.run_id, []).append(message)

    def texts(self, run_id: str, created_at: datetime) -> Iterator[Text]:
        """Yields the questions just before a run, then what it wrote."""
        for message in [*self.questions(created_at), *self.by_run.get(run_id, [])[:MESSAGES_A_RUN]]:
            yield from message.texts

    def questions(self, created_at: datetime) -> list[ThreadMessage]:
        second = int(created_at.timestamp())
        found: list[ThreadMessage] = []
        for message in self.before(created_at):
            if message.role == "user" and not message.run_id:
                found.append(message)
            elif message.position >> MESSAGE_ORDER_BITS < second:
                break
        return found[::-1]

    def before(self, created_at: datetime) -> list[ThreadMessage]:
        """Finds the messages just before a run, and of its very second, newest first."""
        end = bisect_left(
            self.messages, int(created_at.timestamp()) + 1 << MESSAGE_ORDER_BITS, key=lambda one: one.position
        )
        return self.messages[max(0, end - QUESTIONS) : end][::-1]

    def question(self, created_at: datetime) -> str:
        return question_among(self.before(created_at))

    def reply(self, run_id: str) -> str:
        return reply_among(self.by_run.get(run_id, [])[::-1][:LOOKED_AT])
