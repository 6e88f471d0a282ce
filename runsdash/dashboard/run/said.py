"""Puts into words what was said around a run: its question for the heading, the reply, and what came before."""

from collections.abc import Sequence

from runsdash.dashboard.shell.formats import plain_words, short_id_text
from runsdash.index.models import Message, Run

HEADING_CHARS = 200  # as in lists
REPLIES_SHOWN = 3  # newest; the conversation has them all
BEFORE_SHOWN = 2  # messages before the question, where the page has room for them


def text_of(message: Message) -> str:
    """Returns a message's words in one line."""
    texts = [part.get("text") for part in message.parts if isinstance(part, dict) and part.get("type") == "text"]
    words = [text.get("text") for text in texts if isinstance(text, dict)]
    return " ".join(" ".join(word for word in words if isinstance(word, str)).split())


def heading_of(run: Run, question: Sequence[Message]) -> str:
    """Returns the question, cut; `Run run_3zZW…dK39` where none is known."""
    words = plain_words(text_of(question[-1]) if question else getattr(run, "question", "") or "")
    if not words:
        return f"Run {short_id_text(run.upstream_id)}"
    return words if len(words) <= HEADING_CHARS else f"{words[: HEADING_CHARS - 1]}…"


def says_it_whole(question: Sequence[Message]) -> bool:
    """Tells whether the heading holds all of the question: a message of one short text without Markdown."""
    if not question or len(question[-1].parts) != 1 or question[-1].attachments:
        return False
    words = text_of(question[-1])
    return bool(words) and len(words) <= HEADING_CHARS and words == plain_words(words)
