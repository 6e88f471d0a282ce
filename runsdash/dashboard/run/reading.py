"""Gathers the first screen of a run page: what was asked, what came of it, and where the time went.

Reads the index, once and only as far as the screen needs.
"""

from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from runsdash.audit.trail import AuditedAction, actions_of_run
from runsdash.dashboard.shell.formats import duration_text
from runsdash.dashboard.shell.links import is_ambiguous, run_url, thread_url
from runsdash.index import run_states
from runsdash.index.models import Message, Run
from runsdash.index.search.run_filter import Clause
from runsdash.index.storage import run_reads
from runsdash.index.totals.usual_times import UsualTime, usual_time
from runsdash.service.statuses import RunStatus

from . import said, time_split
from .cause import AlikeRuns, runs_url
from .outcome import RunOutcome, outcome_of
from .timeline import Timeline
from .usual import UsualTrack
from .waterfall import StepLine

ALIKE = "-7d"


class AnswerOfCall(NamedTuple):
    """Says who answered a tool call through RunsDash, and when."""

    actor: str
    at: datetime


class Reading(Timeline):
    """Says of a run what somebody reads first."""

    # What was said

    @cached_property
    def said(self) -> run_reads.SaidAround:
        return run_reads.said_around(self.run)

    @property
    def question(self) -> list[Message]:
        return self.said.question

    @property
    def messages(self) -> list[Message]:
        return [*self.said.question, *self.said.written]

    @cached_property
    def heading(self) -> str:
        return said.heading_of(self.run, self.question)

    @cached_property
    def heading_says_it_whole(self) -> bool:
        return said.says_it_whole(self.question)

    @property
    def replies(self) -> list[Message]:
        return self.said.written[-said.REPLIES_SHOWN :]

    @property
    def more_replies(self) -> int:
        return len(self.said.written) - len(self.replies)

    @property
    def before(self) -> list[tuple[Message, str]]:
        """Returns the last messages before the question, with their words."""
        return [(message, said.text_of(message)) for message in self.said.before[-said.BEFORE_SHOWN :]]

    @property
    def question_url(self) -> str:
        """Links to the question in its conversation."""
        if not self.question:
            return thread_url(self.run.thread)
        return f"{thread_url(self.run.thread, at=self.question[-1].upstream_id)}#message-{self.question[-1].pk}"

    # Time

    @cached_property
    def ended_at(self) -> datetime | None:
        """Returns when the run ended: an expired one that nothing tells of, at its last step, or when it was seen."""
        if self.run.ended_at or self.run.facts != RunStatus.EXPIRED:
            return self.run.ended_at
        last = self.steps.steps[-1].ended_at if self.steps.steps and not self.steps.has_more else None
        return last or self.run.status_since

    @cached_property
    def took_s(self) -> int | None:
        """Returns the seconds from creation to end, or so far; None where only somebody here saw that it had ended."""
        was_seen_alone = self.ended_at is None or self.ended_at == self.run.status_since
        if not self.run.facts.is_active and was_seen_alone and not self.run.ended_at:
            return None
        return time_split.whole_seconds(self.run, ended_at=self.ended_at, now=self.now)

    @cached_property
    def time_parts(self) -> list[time_split.TimePart]:
        """Splits the time; nothing where no step was made, or where not all steps are at hand."""
        if not self.steps.steps or self.is_first_part or self.took_s is None:
            return []
        return time_split.time_parts(self.run, self.steps.steps, ended_at=self.ended_at, now=self.now)

    @cached_property
    def usual(self) -> UsualTime | None:
        return usual_time(self.run, now=self.now)

    @property
    def usual_track(self) -> UsualTrack | None:
        return UsualTrack(usual=self.usual, so_far_s=self.took_s or 0) if self.usual else None

    @property
    def current_line(self) -> StepLine | None:
        """Returns the step that a run is working on."""
        return next((line for line in reversed(self.lines) if line.bar.runs), None)

    @property
    def changed_at(self) -> datetime | None:
        """Returns when the run last changed as far as anybody saw."""
        steps = [moment for step in self.steps.steps[-20:] for moment in (step.created_at, step.ended_at)]
        known = [self.run.status_since, self.run.created_at, *steps]
        return max((moment for moment in known if moment), default=None)

    # Why it did not complete

    @cached_property
    def outcome(self) -> RunOutcome | None:
        return outcome_of(self.run)

    @property
    def end_words(self) -> str:
        """Says when it ended: `8 s after it was created, before its first step`."""
        words = [f"{duration_text(self.took_s)} after it was created"] if self.took_s is not None else []
        if not self.steps.steps and self.run.has_all_steps and not self.run.step_count:
            words.append("before its first step")
        return ", ".join(words)

    @property
    def alike_url(self) -> str:
        """Links to the runs of the last days that ended like this one; "" where no cause is known."""
        run = self.run
        since = Clause("created", ALIKE, ">")
        if run.error_code:
            return runs_url(Clause("status", run.status), Clause("error", run.error_code), since)
        if self.outcome and run.pending_calls and isinstance(run.pending_calls[0], dict):
            name = str(run.pending_calls[0].get("name") or "")
            return runs_url(Clause("status", run.status), Clause("tool", name), since) if name else ""
        return ""

    @cached_property
    def alike(self) -> AlikeRuns | None:
        found = run_reads.alike_runs(self.run, now=self.now)
        return AlikeRuns(runs=found, now=self.now, connection_id=self.run.connection_id) if len(found) > 1 else None

    @cached_property
    def next_run(self) -> Run | None:
        found = run_reads.next_run(self.run)
        if found is not None:
            found.connection, found.is_ambiguous = self.run.connection, is_ambiguous(self.run.thread)
        return found

    @property
    def next_run_url(self) -> str:
        return run_url(self.next_run) if self.next_run else ""

    @property
    def next_run_after_s(self) -> int | None:
        """Returns how long after the end of this run the next one ended."""
        after = self.next_run
        if after is None or after.ended_at is None or self.ended_at is None:
            return None
        return max(0, round((after.ended_at - self.ended_at) / timedelta(seconds=1)))

    @property
    def next_run_asks_the_same(self) -> bool:
        """Tells whether the next run has the same question, as far as both are known."""
        asked = [getattr(run, "question", "") for run in (self.run, self.next_run)]
        return bool(asked[0]) and asked[0] == asked[1]

    @property
    def shows_what_was_given(self) -> bool:
        """Tells whether the page shows what the run was given, since it made no step."""
        has_ended_badly = self.run.status in run_states.NOT_COMPLETED or self.run.status == run_states.CANCELLED
        return has_ended_badly and self.run.has_all_steps and not self.run.step_count

    # People

    @cached_property
    def audited_actions(self) -> list[AuditedAction]:
        mine = {"", self.run.connection.slug}
        found = actions_of_run(self.run.upstream_id) if self.run.last_entry is not None else []
        return [audited for audited in found if audited.intent.connection_slug in mine]

    @cached_property
    def answers(self) -> dict[str, AnswerOfCall]:
        """Returns who answered which call through RunsDash."""
        found: dict[str, AnswerOfCall] = {}
        for audited in self.audited_actions:
            if audited.intent.action == "submit_tool_outputs" and audited.is_done:
                body = audited.intent.sent_body if isinstance(audited.intent.sent_body, dict) else {}
                sent = body.get("tool_outputs") or body.get("tool_approvals") or []
                ids = [str(one.get("tool_call_id")) for one in sent if isinstance(one, dict)]
                found |= dict.fromkeys(ids, AnswerOfCall(audited.intent.actor, audited.intent.at))
        return found

    @property
    def answerers(self) -> list[tuple[str, int]]:
        """Returns names of who answered calls, and how many each."""
        names = [answer.actor for answer in self.answers.values()]
        return [(name, names.count(name)) for name in dict.fromkeys(names)]
