"""Gathers what the run page shows, once and only as far as the open tab needs.

It reads the index; it never asks an upstream and never writes.
"""

from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from runsdash.actions.models import Lineage
from runsdash.audit.trail import AuditedAction, actions_of_run
from runsdash.dashboard.shell.copy_age import WhyACopy
from runsdash.dashboard.shell.formats import expired_at
from runsdash.dashboard.shell.links import mark_ambiguous, run_url
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Message, Run, RunBody, RunText, StatusSeen
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.storage import page_reads
from runsdash.index.storage.bodies import raw_chunks
from runsdash.index.storage.previews import PREVIEW_CHARS
from runsdash.index.storage.storable_text import ID_CHARS
from runsdash.index.totals import pricing
from runsdash.service.statuses import RunStatus

from . import parameters
from .live_panel import LivePanel
from .outcome import RunOutcome, outcome_of
from .timeline import Timeline
from .unsent_outputs import UnsentOutputs, unsent_outputs_of
from .waterfall import asked_of_people

HIT_CHARS = 300
RERUNS_SHOWN = 5
ALIKE = "-7d"
PRICES = {"own": "your own price", "list": "list price", "full": "full list price, a batch may cost less"}
TABS = {"timeline": "Timeline", "conversation": "Conversation", "raw": "Raw JSON", "audit": "Audit"}


class RunPage(Timeline, WhyACopy):
    """Shows a run to one reader: `?tab=`, `?step=`, `?after=`, and `?shown=`, the calls whose form is open."""

    def __init__(self, request: HttpRequest, run: Run) -> None:
        super().__init__(
            run,
            now=timezone.now(),
            step_id=request.GET.get("step", "")[:ID_CHARS],
            after=request.GET.get("after", "")[:ID_CHARS],
        )
        self.row = run
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
    def parameters(self) -> dict[str, object]:
        return self.body.parameters

    @cached_property
    def statuses_seen(self) -> list[StatusSeen]:
        return page_reads.statuses_seen(self.run)

    @cached_property
    def assistant_name(self) -> str:
        names = page_reads.assistant_names(self.run.connection_id, [self.run.assistant_id])
        return names.get(self.run.assistant_id, "")

    @property
    def waited_s(self) -> float:
        """Adds up the seconds that the run was seen waiting for tool outputs."""
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
        """Returns from when it would have waited `waited_s` at a stretch; None when it does not wait now."""
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
        """Returns what this run was made from, when somebody here made it again."""
        lineage = Lineage.objects.select_related("source__thread", "source__connection").filter(run=self.run)
        return lineage.first()

    @cached_property
    def reruns(self) -> list[Lineage]:
        lineages = Lineage.objects.select_related("run__thread", "run__connection").filter(source=self.run)
        return list(lineages.order_by("-made_at")[:RERUNS_SHOWN])

    @property
    def has_missed_the_form(self) -> bool:
        """Tells whether the run expired while the reader had its form open."""
        return self.run.facts == RunStatus.EXPIRED and bool(self.shown_calls)

    @cached_property
    def unsent_outputs(self) -> UnsentOutputs | None:
        """Returns what the reader typed and can no longer send; None while its form is still on the page."""
        if self.shown_calls or not self.user.can_act:
            return None
        return unsent_outputs_of(self.user, self.run, self.audited_actions) if self.run.pending_calls else None

    @property
    def was_cancelled_too_late(self) -> bool:
        """Tells whether a cancel lost the race: the run was seen cancelling, yet ended in another way."""
        ended_otherwise = self.run.facts.is_terminal and self.run.facts != RunStatus.CANCELLED
        return ended_otherwise and any(one.status == RunStatus.CANCELLING for one in self.statuses_seen)

    @property
    def is_gone(self) -> bool:
        """Tells whether the upstream no longer knows the run or its thread: no action can succeed."""
        return self.run.is_gone

    @property
    def ended_at(self) -> datetime | None:
        """Returns when the run ended; of an expired one the deadline, where its server says no more."""
        return expired_at(self.run) if self.run.facts == RunStatus.EXPIRED else self.run.ended_at

    @property
    def outcome(self) -> RunOutcome | None:
        return outcome_of(self.run)

    @property
    def alike_url(self) -> str:
        """Links to the runs of the last days that ended like this one; "" where no cause is known."""
        if not self.run.error_code:
            return ""
        alike = (Clause("status", self.run.status), Clause("error", self.run.error_code), Clause("created", ALIKE, ">"))
        return f"{reverse('runs')}?{urlencode({'q': str(RunFilter(alike))})}"

    @property
    def answered_names(self) -> list[str]:
        """Names the functions that got an output before the end, each once: a re-run may call them again."""
        calls = [call for step in self.steps.steps for call in step.calls or [] if isinstance(call, dict)]
        answered = [call for call in calls if asked_of_people(call) and call.get("output_size") is not None]
        return list(dict.fromkeys(str(call.get("name") or "(unnamed call)") for call in answered))

    @property
    def price_words(self) -> str:
        """Says at what price the cost is an estimate."""
        run = self.run
        price = pricing.price_facts(run.model, kind=run.connection.kind, created_at=run.created_at)
        cached = "" if price.has_cached or not run.cached_tokens else "; none known for cached tokens"
        return f"estimate at {PRICES[price.source]}{cached}"

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
        """Tells whether a text of the run is longer than what the search knows of it."""
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
        """Returns assistants' names by id, for the messages."""
        wanted = {message.assistant_id for message in self.messages} | {self.run.assistant_id}
        return page_reads.assistant_names(self.run.connection_id, wanted)

    @cached_property
    def raw(self) -> dict | None:
        """Returns a preview of the run object as received: its first 64 KB."""
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
        return [audited for audited in actions_of_run(self.run.upstream_id) if audited.intent.connection_slug in mine]
