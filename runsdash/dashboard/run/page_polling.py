"""Polls a run page: what the page has already, what has changed, and how often it asks.

It reads the index; it never asks an upstream and never writes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from runsdash.actions.models import Claim, SentOutput
from runsdash.actions.outputs.answers import outputs_sent_for
from runsdash.actions.outputs.claims import claims_on
from runsdash.dashboard.inbox.queue import Queue, queue_of
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.copy_age import copy_age_s
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.page_types import TagPart
from runsdash.dashboard.shell.poll_tags import digest_of
from runsdash.service.statuses import RunStatus

from .page import RunPage
from .polled_run import state_of
from .waterfall import part_of

LONG_AGO = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Says that somebody else answered.

    Without an actor it was not done through RunsDash, or the run was cancelled.
    """

    actor: str = ""
    at: datetime | None = None
    left_s: float | None = None  # of the time the run had for it


class PolledRunPage(RunPage):
    """Adds the poll to a run page: its address, its interval and the tag that says what the page shows."""

    @property
    def waiting_calls(self) -> str:
        """Names the calls the run waits for now; "" when it waits for none, or nobody can answer any more."""
        if not self.run.facts.is_waiting or self.is_gone:
            return ""
        return digest_of([str(call.get("id")) for call in self.run.pending_calls if isinstance(call, dict)])

    @property
    def brings_form(self) -> bool:
        """Tells whether the run waits for other calls than those whose form the reader has."""
        return bool(self.waiting_calls) and self.waiting_calls != self.shown_calls

    @cached_property
    def answered(self) -> Answered | None:
        """Returns who answered the calls of the reader's form; None when the reader did, or nobody has."""
        if not self.shown_calls or self.shown_calls == self.waiting_calls or self.run.facts == RunStatus.EXPIRED:
            return None
        sent = (
            audited
            for audited in self.audited_actions
            if audited.intent.action == "submit_tool_outputs" and audited.is_done
        )
        audited = next(sent, None)
        if audited is None:
            return Answered()
        if audited.intent.actor == self.reader:
            return None
        at, until = audited.intent.at, self.run.expires_at
        return Answered(actor=audited.intent.actor, at=at, left_s=(until - at).total_seconds() if until else None)

    @cached_property
    def claims(self) -> list[Claim]:
        """Returns who else is answering; nobody once the run waits no more."""
        if not self.waiting_calls:
            return []
        return [claim for claim in claims_on(self.run) if claim.user_id != self.user.pk]

    @cached_property
    def queue(self) -> Queue:
        return queue_of(self.run, reader=self.user, scope=self.queue_scope)

    @cached_property
    def sent_outputs(self) -> list[SentOutput]:
        return outputs_sent_for(self.run)

    @cached_property
    def interval_s(self) -> int | None:
        changed_at = poll_intervals.last_change(self.run, [self.run.steps_changed_at])
        interval_s = poll_intervals.interval_s(self.run, changed_at=changed_at, now=self.now)
        if self.live_panel.is_growing:
            return poll_intervals.LIVE_S
        if interval_s is None and self.live_panel.live:
            return poll_intervals.FAST_S
        if interval_s and self.is_gone:
            return poll_intervals.SLOW_S
        return interval_s

    @cached_property
    def live_url(self) -> str:
        return run_url(
            self.run,
            "run_live",
            tab=self.tab if self.tab != "timeline" else "",
            step=self.step_id,
            after=self.after,
            shown=self.waiting_calls or self.shown_calls,
            **self.queue_scope.params,
            every=self.interval_s,
        )

    @cached_property
    def version(self) -> str:
        """Makes the page's tag from what it shows: equal tags mean pages that differ by time alone, or by live text.

        Time is left to the page's script, until a run outgrows its time axis.
        """
        run = self.run
        clock: list[TagPart] = [self.interval_s, self.is_overdue, self.rest_is_coming, run.connection.lacks_steps]
        clock += [part_of(run, now=self.now) if run.facts.is_active else ""]
        clock += [copy_age_s(run) // poll_intervals.TICK_S if run.trouble else ""]
        asked = [self.tab, self.step_id, self.after, self.waiting_elsewhere]
        asked += [(claim.user_id, claim.since) for claim in self.claims]
        typed = run.draft_at if not self.shown_calls and not run.facts.is_waiting else ""
        return digest_of([*state_of(run), *(str(one) for one in (*clock, *asked, typed)), self.live_panel.state])

    @cached_property
    def kept_state(self) -> str | None:
        """Returns what `kept_parts` keeps the page under; None while time or other people may change what it says.

        An hour after the end ages are told in hours, and a minute more or less does not show.
        """
        run = self.run
        is_settled = run.ended_at is not None and run.ended_at < self.now - LONG_AGO and self.interval_s is None
        is_plain = not (run.trouble or run.is_noted or self.is_gone or self.live_panel.live or self.shown_calls)
        return self.version if is_settled and is_plain and self.tab != "audit" else None
