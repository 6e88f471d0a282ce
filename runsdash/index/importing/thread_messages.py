"""What is said in one thread of a block, for the words of its runs: by the rules of `index/storage/page_reads.py`, from memory."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS

# As in `reading` and `fulltext`, which cannot be imported without a database; a test compares the words.
QUESTIONS, MESSAGES_A_RUN = 20, 200


class ThreadMessage(NamedTuple):
    position: int
    run_id: str
    is_question: bool
    texts: list[Text]


@dataclass
class ThreadMessages:
    """Messages in the order of their positions."""

    said: list[ThreadMessage] = field(default_factory=list)
    by_run: dict[str, list[ThreadMessage]] = field(default_factory=dict)

    def add(self, run_id: str | None, role: str, position: int, texts: list[Text]) -> None:
        """A message. Call it in the order of positions."""
        one = ThreadMessage(position, run_id or "", role == "user" and not run_id, texts)
        self.said.append(one)
        if one.run_id:
            self.by_run.setdefault(one.run_id, []).append(one)

    def texts(self, run_id: str, created_at: datetime) -> Iterator[Text]:
        """The questions just before a run, then what it wrote."""
        for one in [*self.questions(created_at), *self.by_run.get(run_id, [])[:MESSAGES_A_RUN]]:
            yield from one.texts

    def questions(self, created_at: datetime) -> list[ThreadMessage]:
        second = int(created_at.timestamp())
        end = bisect_left(self.said, second + 1 << MESSAGE_ORDER_BITS, key=lambda one: one.position)
        found: list[ThreadMessage] = []
        for one in reversed(self.said[max(0, end - QUESTIONS) : end]):
            if one.is_question:
                found.append(one)
            elif one.position >> MESSAGE_ORDER_BITS < second:
                break
        return found[::-1]
