"""Everything the run page shows, gathered once and only as far as the open tab needs. First paint and live answers share it.

It reads the index; it never asks an upstream and never writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from runsdash.actions.models import Lineage
from runsdash.audit.trail import AuditedAction, actions_of_run
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.copy_age import copy_age_s
from runsdash.dashboard.shell.links import mark_ambiguous, run_url
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Message, Run, RunBody, RunText
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.storage import page_reads
from runsdash.index.storage.bodies import raw_chunks
from runsdash.index.storage.previews import PREVIEW_CHARS
from runsdash.service.statuses import RunStatus

from . import parameters
from .live_panel import LivePanel
from .outcome import Ending, ending_of
from .timeline import Timeline
from .unsent_outputs import Unsent, unsent_of

ID_CHARS = 200
HIT_CHARS = 300
RERUNS_SHOWN = 5
ALIKE = "-7d"
TABS = {"timeline": "Timeline", "conversation": "Conversation", "raw": "Raw JSON", "audit": "Audit"}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Somebody else answered. Without an actor it was not done through RunsDash, or the run was cancelled."""

    actor: str = ""
    at: datetime | None = None


class RunPage(Timeline):
    """A run as one reader looks at it: `?tab=`, `?step=`, `?after=`, and `?shown=`, the calls whose form is open."""

    def __init__(self, request: HttpRequest, run: Run) -> None:
        super().__init__(
            run,
            now=timezone.now(),
            step_id=request.GET.get("step", "")[:ID_CHARS],
            after=request.GET.get("after", "")[:ID_CHARS],
        )
        self.tab = request.GET.get("tab", "") if request.GET.get("tab") in TABS else "timeline"
        self.shown_calls = request.GET.get("shown", "")[:64]
        run.hit = request.GET.get("hit", "")[:HIT_CHARS]  # words looked for, marked in its texts
        self.user, self.reader = request.user, request.user.get_username()
        self.live_panel = LivePanel(run, mode=request.GET.get("live", "")[:64])
        self.waiting_elsewhere = Shell(request).waiting_count
        mark_ambiguous([run])

    # The run

    @cached_property
    def body(self) -> page_reads.RunPreview:
        return page_reads.preview_of_run(self.run)

    @property
    def parameters(self) -> dict:
        return self.body.parameters

    @cached_property
    def statuses_seen(self) -> list:
        return page_reads.statuses_seen(self.run)

    @cached_property
    def assistant_name(self) -> str:
        names = page_reads.assistant_names(self.run.connection_id, [self.run.assistant_id])
        return names.get(self.run.assistant_id, "")

    @property
    def waited_s(self) -> float:
        """Seconds that the run was seen waiting for tool outputs."""
        moments = [(one.status, one.seen_at) for one in self.statuses_seen]
        ends = [seen_at for _, seen_at in moments[1:]] + [self.now if self.run.facts.is_active else None]
        spans = zip(moments, ends, strict=True) if moments else []
        return sum(
            (end - start).total_seconds()
            for (status, start), end in spans
            if end and status == RunStatus.REQUIRES_ACTION
        )

    @property
    def waits_from(self) -> datetime | None:
        """From when it would have waited for `waited_s` at a stretch; None when it does not wait now."""
        if self.run.facts != RunStatus.REQUIRES_ACTION:
            return None
        return self.now - timedelta(seconds=self.waited_s)

    @property
    def is_cancelling(self) -> bool:
        return self.run.facts == RunStatus.CANCELLING

    @property
    def is_overdue(self) -> bool:
        return self.run.is_overdue(self.now)

    @cached_property
    def source(self) -> Lineage | None:
        """What this run was made from, when somebody here made it again."""
        found = Lineage.objects.select_related("source__thread", "source__connection").filter(run=self.run)
        return found.first()

    @cached_property
    def reruns(self) -> list[Lineage]:
        found = Lineage.objects.select_related("run__thread", "run__connection").filter(source=self.run)
        return list(found.order_by("-made_at")[:RERUNS_SHOWN])

    @property
    def has_missed_the_form(self) -> bool:
        """The run expired while the reader had its form open."""
        return self.run.facts == RunStatus.EXPIRED and bool(self.shown_calls)

    @cached_property
    def unsent(self) -> Unsent | None:
        """What the reader typed here and can no longer send; nothing while the form for it is still on the page."""
        if self.shown_calls or not self.user.can_act:
            return None
        return unsent_of(self.user, self.run, self.audited_actions) if self.run.pending_calls else None

    @property
    def was_cancelled_too_late(self) -> bool:
        """It was seen cancelling, yet it ended in another way: the cancel lost the race."""
        ended_otherwise = self.run.facts.is_terminal and self.run.facts != RunStatus.CANCELLED
        return ended_otherwise and any(one.status == RunStatus.CANCELLING for one in self.statuses_seen)

    @property
    def is_gone(self) -> bool:
        """The upstream said that it no longer knows the run, or its thread: no action can succeed."""
        return self.run.is_gone

    @property
    def ending(self) -> Ending | None:
        return ending_of(self.run)

    @property
    def alike_url(self) -> str:
        """The runs of the last days that ended like this one; empty where no cause is known."""
        if not self.run.error_code:
            return ""
        alike = (Clause("status", self.run.status), Clause("error", self.run.error_code), Clause("created", ALIKE, ">"))
        return f"{reverse('runs')}?{urlencode({'q': str(RunFilter(alike))})}"

    @property
    def answered_names(self) -> list[str]:
        """Functions that got an output before the end, each once: running the run again may have them done again."""
        calls = [call for step in self.steps.steps for call in step.calls or [] if isinstance(call, dict)]
        answered = [call for call in calls if call.get("kind") == "function" and call.get("output_size") is not None]
        return list(dict.fromkeys(str(call.get("name") or "(unnamed call)") for call in answered))

    @property
    def tools(self) -> str:
        return parameters.tools_text(self.parameters.get("tools"))

    @property
    def function_tools(self) -> list[dict[str, str]]:
        return parameters.function_tools(self.parameters.get("tools"))

    @property
    def truncation(self) -> str:
        return parameters.truncation_text(self.parameters.get("truncation_strategy"))

    @property
    def tool_choice(self) -> str:
        return parameters.choice_text(self.parameters.get("tool_choice"))

    @property
    def response_format(self) -> str:
        return parameters.choice_text(self.parameters.get("response_format"))

    @property
    def is_searchable_in_part(self) -> bool:
        """Is a text of the run longer than what the search knows of it?"""
        return RunText.objects.filter(run=self.run, is_cut=True).exists()

    @cached_property
    def raw_url(self) -> str:
        return run_url(self.run, "run_raw")

    @property
    def tabs(self) -> list[dict[str, object]]:
        urls = {name: run_url(self.run, tab=name if name != "timeline" else "") for name in TABS}
        return [
            {"name": name, "label": label, "url": urls[name], "is_open": name == self.tab}
            for name, label in TABS.items()
        ]

    # The other tabs

    @cached_property
    def messages(self) -> list[Message]:
        return page_reads.messages_of_run(self.run)

    @cached_property
    def names(self) -> dict[str, str]:
        """Assistants' names by id, for the messages."""
        wanted = {message.assistant_id for message in self.messages} | {self.run.assistant_id}
        return page_reads.assistant_names(self.run.connection_id, wanted)

    @cached_property
    def raw(self) -> dict | None:
        """A preview of the run object as received: its first 64 KB."""
        body = RunBody.objects.filter(run=self.run).first()
        if body is None:
            return None
        text = b""
        for chunk in raw_chunks(body):
            text += chunk[:PREVIEW_CHARS]
            if len(text) >= PREVIEW_CHARS:
                break
        return {"text": text[:PREVIEW_CHARS].decode("utf-8", "replace"), "size": body.size}

    @cached_property
    def audited_actions(self) -> list[AuditedAction]:
        mine = {"", self.run.connection.slug}
        return [one for one in actions_of_run(self.run.upstream_id) if one.intent.connection_slug in mine]

    # Polling

    @property
    def waiting_calls(self) -> str:
        """Names the calls the run waits for now; "" when it waits for none, or nobody can answer any more."""
        if not self.run.facts.is_waiting or self.is_gone:
            return ""
        return digest_of([str(call.get("id")) for call in self.run.pending_calls if isinstance(call, dict)])

    @property
    def brings_form(self) -> bool:
        """Does the run wait for other calls than those whose form the reader has?"""
        return bool(self.waiting_calls) and self.waiting_calls != self.shown_calls

    @cached_property
    def answered(self) -> Answered | None:
        """Who answered the calls whose form the reader still has; None when the reader did, or nobody has."""
        if not self.shown_calls or self.shown_calls == self.waiting_calls or self.run.facts == RunStatus.EXPIRED:
            return None
        sent = (one for one in self.audited_actions if one.intent.action == "submit_tool_outputs" and not one.is_open)
        intent = next((one.intent for one in sent), None)
        if intent is None:
            return Answered()
        return None if intent.actor == self.reader else Answered(actor=intent.actor, at=intent.at)

    @cached_property
    def interval_s(self) -> int | None:
        moments = [moment for step in self.steps.steps[-20:] for moment in (step.created_at, step.ended_at)]
        interval_s = poll_intervals.interval_s(
            self.run, changed_at=poll_intervals.last_change(self.run, moments), now=self.now
        )
        if self.live_panel.is_polled or (interval_s is None and self.live_panel.live):
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
            every=self.interval_s,
        )

    @cached_property
    def version(self) -> str:
        """The page's tag, from versions of what it shows: two equal tags mean pages that differ by what time makes of them.

        That is left to the page's script, ages.js, until a run outgrows its time axis.
        """
        run = self.run
        parts = [run.status, str(run.status_since), self.body.digest, str(run.step_count), str(run.has_all_steps)]
        parts += [str(self.interval_s), str(run.connection.lacks_steps)]
        parts += [
            self.tab,
            self.step_id,
            self.after,
            str(self.waiting_elsewhere),
            self.waiting_calls,
            str(self.is_overdue),
            str(self.is_gone),
            str(self.answered),
        ]
        parts.append(self.live_panel.mode_after)
        if run.trouble:
            parts += [str(run.trouble.get("at")), str(copy_age_s(run) // poll_intervals.TICK_S)]
        return digest_of([*parts, *self.tab_versions()])

    def tab_versions(self) -> list[str]:
        if self.tab == "conversation":
            return page_reads.message_digests(self.messages)
        if self.tab == "audit":
            return [f"{one.intent.pk}:{one.last.pk if one.last else ''}" for one in self.audited_actions]
        axis = [str(self.axis.part_s)] if self.run.facts.is_active else []
        shown = [self.selected.step] if self.selected else []
        message = [self.selected_message] if self.selected_message else []
        return axis + page_reads.step_digests([*self.steps.steps, *shown]) + page_reads.message_digests(message)


def digest_of(parts: Sequence[str]) -> str:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=9).hexdigest()
