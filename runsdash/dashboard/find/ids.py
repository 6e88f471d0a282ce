"""Leads from any id, or text that contains one, to its page. Says "" of what is no id that it can find."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from django.urls import reverse
from django.utils.http import urlencode

from runsdash.dashboard.shell.links import assistant_url, mark_ambiguous, run_url, thread_url
from runsdash.dashboard.shell.lookup import SeveralConnections
from runsdash.index.ids import FoundId, found_ids
from runsdash.index.models import Assistant, Connection, Message, Run, RunStep, Thread
from runsdash.index.storage.storable_text import ID_CHARS

MAX_LOOKED_UP = 50
Found: TypeAlias = Run | RunStep | Message | Thread | Assistant
Place = tuple[type[Found], list[str], Callable[..., str]]  # a model, what to select with it, its page


@dataclass(frozen=True)
class TypedIds:
    """Holds the ids of a text, and the connection that it is about, if one was named."""

    ids: list[FoundId] = field(default_factory=list)
    whole: list[FoundId] = field(default_factory=list)  # an id may look like nothing that is found in text
    slug: str = ""

    @classmethod
    def of(cls, text: str, slug: str = "") -> "TypedIds":
        ids = found_ids(text)[:MAX_LOOKED_UP]
        return cls(ids, [FoundId("", text)] if len(text) <= ID_CHARS else [], slug)

    def url(self, within: Sequence[Connection]) -> str:
        """Returns the page that they lead to, "" when there is none. Raises SeveralConnections."""
        every = [*self.whole, *self.ids]
        return (
            known_url(every, within, places=INSIDE_THREADS)
            or unknown_url(self.ids, self.slug, needs_run=True)
            or known_url(every, within, places=WHOLE)
            or unknown_url(self.ids, self.slug)
        )

    @property
    def unknown_run(self) -> str:
        """Returns the first run id, of which no more than that was typed."""
        return next((one.upstream_id for one in self.ids if one.kind == "run"), "")

    @property
    def lone(self) -> str:
        """Returns a single word that may be the id of a thread."""
        return self.ids[0].upstream_id if len(self.ids) == 1 and not self.ids[0].kind else ""


def known_url(ids: Sequence[FoundId], within: Sequence[Connection], *, places: Sequence[Place]) -> str:
    """Returns the page of the first id that the index knows, one kind of object after the other."""
    wanted = [one.upstream_id for one in ids]
    for model, related, url_of in places:
        rows = model.objects.filter(connection__in=within, upstream_id__in=wanted).select_related(*related)
        known = sorted(rows[:MAX_LOOKED_UP], key=lambda row: wanted.index(row.upstream_id))
        if not known:
            continue
        same = [row for row in known if row.upstream_id == known[0].upstream_id]
        if len(same) > 1:
            raise SeveralConnections(upstream_id=same[0].upstream_id, connections=[row.connection for row in same])
        return url_of(known[0])
    return ""


def unknown_url(ids: Sequence[FoundId], slug: str, *, needs_run: bool = False) -> str:
    """Returns the page that fetches an unknown thread, or a run whose thread is in the text too."""
    first = {one.kind: one.upstream_id for one in reversed(ids)}
    if "thread" not in first or (needs_run and "run" not in first):
        return ""
    name, args = ("run", [first["thread"], first["run"]]) if "run" in first else ("thread", [first["thread"]])
    query = f"?{urlencode({'connection': slug})}" if slug else ""
    return reverse(name, args=args) + query


def page_of_run(run: Run) -> str:
    mark_ambiguous([run])
    return run_url(run)


def page_of_step(step: RunStep) -> str:
    mark_ambiguous([step.run])
    return run_url(step.run, step=step.upstream_id)


def page_of_message(message: Message) -> str:
    """Returns the conversation from the message on, with what came after it."""
    mark_ambiguous([message.thread])
    return f"{thread_url(message.thread, at=message.upstream_id)}#message-{message.pk}"


def page_of_thread(thread: Thread) -> str:
    mark_ambiguous([thread])
    return thread_url(thread)


def page_of_assistant(assistant: Assistant) -> str:
    mark_ambiguous([assistant])
    return assistant_url(assistant)


INSIDE_THREADS: list[Place] = [
    (Run, ["thread", "connection"], page_of_run),
    (RunStep, ["run__thread", "run__connection", "connection"], page_of_step),
    (Message, ["thread__connection", "connection"], page_of_message),
]
WHOLE: list[Place] = [
    (Thread, ["connection"], page_of_thread),
    (Assistant, ["connection"], page_of_assistant),
]
