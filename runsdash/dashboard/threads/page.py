"""Gathers what the thread page shows: conversation, runs, and who holds its lock.

It reads the index. Only `read_older` asks an upstream, for one page of messages.
"""

from datetime import datetime
from functools import cached_property

from django.utils import timezone

from runsdash.accounts.guards import UserRequest
from runsdash.actions.live import output_rows
from runsdash.dashboard.run.live_panel import parts_in
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.copy_age import WhyACopy, copy_age_s
from runsdash.dashboard.shell.formats import plain_words, short_id_text
from runsdash.dashboard.shell.links import is_ambiguous, list_url, mark_ambiguous, mark_assistants, thread_url
from runsdash.dashboard.shell.poll_tags import digest_of, rows_state
from runsdash.dashboard.shell.shell import Shell
from runsdash.index import run_states
from runsdash.index.keeping.archive import ThreadMeter, meter_of
from runsdash.index.models import Message, Run, Thread
from runsdash.index.search.run_filter import Clause, text_of
from runsdash.index.storage import page_reads, thread_reads
from runsdash.index.storage.storable_text import ID_CHARS
from runsdash.index.walks import rests
from runsdash.service.json_types import Json
from runsdash.sync.archiving import read_older_messages

from .story import Turn, turns_of

MOST_WRITING_CHARS = 8_000  # the end of what is being written; the run's own page has all


class ThreadPage(WhyACopy):
    """Shows a thread to one reader: `?before=` a message, `?at=` from a message on, `?runs_before=` a run."""

    def __init__(self, request: UserRequest, thread: Thread) -> None:
        self.thread = self.row = thread
        self.now = timezone.now()
        self.older_error = ""
        self.waiting_elsewhere = Shell(request).waiting_count
        self.before = request.GET.get("before", "")[:ID_CHARS]
        self.at = request.GET.get("at", "")[:ID_CHARS]
        self.runs_before = request.GET.get("runs_before", "")[:ID_CHARS]
        self.connections = Shell(request).connections

    @property
    def is_gone(self) -> bool:
        """Tells whether the upstream no longer knows the thread: only the copy is left."""
        return self.thread.is_gone or run_states.says_gone(self.thread.trouble)

    # Conversation

    @cached_property
    def _target(self) -> tuple[list[Message], bool, bool] | None:
        return thread_reads.messages_from(self.thread, self.at) if self.at else None

    @cached_property
    def _message_page(self) -> tuple[list[Message], bool]:
        if self._target is not None:
            return self._target[0], self._target[1]
        return thread_reads.message_page(self.thread, before=self.before)

    @property
    def is_at_the_newest(self) -> bool:
        return not self.before and not (self._target and self._target[2])

    @cached_property
    def runs_told(self) -> list[Run]:
        """Returns the runs of this stretch of the conversation: made in its time, or named by its messages."""
        messages, has_older = self._message_page
        if not messages:
            return self._runs_between(None, None) if self.is_at_the_newest else []
        start = messages[0].created_at if has_older or self.before else None
        end = None if self.is_at_the_newest else thread_reads.next_message_at(self.thread, messages[-1])
        found = self._runs_between(start, end)
        named = {message.run_upstream_id for message in messages} - {run.upstream_id for run in found}
        others = thread_reads.runs_named(self.thread, named)
        mark_ambiguous(others, among=self.connections)
        return sorted([*others, *found], key=lambda run: run.pk)

    def _runs_between(self, start: datetime | None, end: datetime | None) -> list[Run]:
        if self._every_run is not None:
            return thread_reads.runs_among(self._every_run, start, end)
        found = thread_reads.runs_between(self.thread, start, end)
        mark_ambiguous(found, among=self.connections)
        return found

    @cached_property
    def turns(self) -> list[Turn]:
        """Tells the conversation: messages, and each run with what it called and why it ended."""
        turns = turns_of(self._message_page[0], self.runs_told)
        told = [(turn, turn.run) for turn in turns if turn.run is not None]
        steps = thread_reads.calling_steps([run for _, run in told])
        for turn, run in told:
            turn.steps, turn.now = steps.get(run.pk, ()), self.now
            if self.holder is not None and run.pk == self.holder.pk:
                turn.writing = self.writing[0][-MOST_WRITING_CHARS:]
        return turns

    @cached_property
    def writing(self) -> tuple[str, int]:
        """Returns what the active run has written so far, and the key of its last piece: "", 0 for nothing."""
        run = self.holder
        if run is None or run.facts.is_waiting or not output_rows.is_wanted(output_rows.live_output_of(run), run):
            return "", 0
        pieces = list(output_rows.all_pieces(run))
        texts = [part.text for part in parts_in(pieces) if part.kind == "text"]
        return "\n\n".join(texts), pieces[-1].pk if pieces else 0

    @property
    def heading(self) -> str:
        """Returns what was asked first; `Thread thread_3zZW…dK39` where nothing is known."""
        words = plain_words(getattr(self.thread, "first_question", "") or "")
        return words or f"Thread {short_id_text(self.thread.upstream_id)}"

    @property
    def _has_older_upstream(self) -> bool:
        """Tells whether the upstream may have older messages that it would give."""
        return not (self.thread.has_all_messages or rests(self.thread, "messages") or self.is_gone)

    @property
    def older_url(self) -> str:
        """Links to the page before this one; "" when there is certainly nothing older to be had."""
        messages, has_older = self._message_page
        may_have_older = has_older or self._has_older_upstream
        return thread_url(self.thread, before=messages[0].upstream_id) if messages and may_have_older else ""

    @property
    def needs_older(self) -> str:
        """Names the message to ask for messages before; "" when the index has this page whole."""
        messages, has_older = self._message_page
        is_short = self.before and not has_older and len(messages) < thread_reads.MESSAGES_PER_PAGE
        if not is_short or not self._has_older_upstream:
            return ""
        return messages[0].upstream_id if messages else self.before

    def read_older(self) -> None:
        """Asks for one page of older messages when the reader went further back than the index."""
        before = self.needs_older
        if before:
            error = read_older_messages(self.thread, before=before)
            self.older_error = error.message if error else ""
            self.__dict__.pop("_message_page", None)

    @cached_property
    def meter(self) -> ThreadMeter:
        return meter_of(self.thread)

    @property
    def newest_url(self) -> str:
        return "" if self.is_at_the_newest else thread_url(self.thread)

    @cached_property
    def names(self) -> dict[str, str]:
        """Returns assistants' names by id, of the messages and runs shown."""
        known = {run.assistant_id: run.assistant_name or "" for run in [*self.runs, *self.runs_told]}
        others = {message.assistant_id for message in self._message_page[0]} - known.keys()
        return known | page_reads.assistant_names(self.thread.connection_id, others)

    # Runs

    @cached_property
    def _run_page(self) -> tuple[list[Run], bool]:
        return thread_reads.runs_of_thread(self.thread, before=self.runs_before)

    @cached_property
    def runs(self) -> list[Run]:
        mark_ambiguous(self._run_page[0], among=self.connections)
        mark_assistants(self._run_page[0], among=self.connections)
        return self._run_page[0]

    @property
    def _every_run(self) -> list[Run] | None:
        """Returns all the thread's runs, newest first; None when there are more than this page of them."""
        return None if self._run_page[1] or self.runs_before else self.runs

    @property
    def newest_run(self) -> Run | None:
        """Returns the run that was made last, where this page of runs begins with it."""
        return self.runs[0] if self.runs and not self.runs_before else None

    @property
    def named_runs(self) -> list[Run]:
        for run in self.runs:
            run.assistant_name = self.names.get(run.assistant_id, "")
        return self.runs

    @property
    def older_runs_url(self) -> str:
        return thread_url(self.thread, runs_before=self.runs[-1].upstream_id) if self._run_page[1] else ""

    @property
    def list_url(self) -> str:
        """Links to its runs in the list."""
        only = self.thread.connection if is_ambiguous(self.thread) else None
        return list_url("runs", text_of(Clause("thread", self.thread.upstream_id)), only)

    @cached_property
    def holder(self) -> Run | None:
        """Returns the run that locks the thread; nothing locks one that is gone."""
        if self.is_gone:
            return None
        if self._every_run is not None:
            return thread_reads.lock_holder_among(self._every_run)
        holder = thread_reads.lock_holder(self.thread)
        mark_ambiguous([holder] if holder else [], among=self.connections)
        return holder

    @property
    def is_overdue(self) -> bool:
        return self.holder is not None and self.holder.is_overdue(self.now)

    @property
    def resources(self) -> list[tuple[str, list[str]]]:
        """Returns tool resources as (tool, ids)."""
        resources = self.thread.tool_resources if isinstance(self.thread.tool_resources, dict) else {}
        return [(str(tool).replace("_", " "), ids_in(value)) for tool, value in resources.items() if ids_in(value)]

    # Polling

    @cached_property
    def interval_s(self) -> int | None:
        """Returns seconds until the next poll, while a run is active and something is going to change."""
        if self.holder is None:
            return None
        changed_at = poll_intervals.last_change(
            self.holder, [message.created_at for message in self._message_page[0][-1:]]
        )
        wanted_s = poll_intervals.interval_s(self.holder, changed_at=changed_at, now=self.now)
        return max(poll_intervals.CALM_S, wanted_s or poll_intervals.SLOW_S)

    @cached_property
    def live_url(self) -> str:
        return thread_url(
            self.thread,
            "thread_live",
            before=self.before,
            at=self.at,
            runs_before=self.runs_before,
            every=self.interval_s,
        )

    @cached_property
    def version(self) -> str:
        """Makes the page's tag from versions of what it shows."""
        parts = [str(self.interval_s), str(self.is_gone), str(self.is_overdue), self.before, self.at, self.runs_before]
        parts += [str(rows_state(self.runs)), str(rows_state(self.runs_told)), str(self.names)]
        parts += [f"{run.step_count} {run.tool_call_count}" for run in self.runs_told if run.facts.is_active]
        if self.holder:
            parts += [self.holder.upstream_id, self.holder.status, str(self.writing[1])]
            parts += [str(self.thread.connection.lack_of("cancel_run"))]
        parts += [
            str(self.meter),
            str(self.thread.metadata),
            str(self.thread.tool_resources),
            str(self.waiting_elsewhere),
        ]
        if self.thread.trouble:
            parts += [str(self.thread.trouble.get("at")), str(copy_age_s(self.thread) // poll_intervals.TICK_S)]
        return digest_of([*parts, *thread_reads.message_digests(self._message_page[0])])


def ids_in(value: Json) -> list[str]:
    """Returns file and vector store ids of one tool's resources, whatever shape the server gives them."""
    lists = value.values() if isinstance(value, dict) else []
    return [str(one)[:ID_CHARS] for ids in lists if isinstance(ids, list) for one in ids[:20] if isinstance(one, str)]
