"""Gathers what the run page shows, once and only as far as the open tab needs.

It reads the index; it never asks an upstream and never writes.
"""

from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Q, QuerySet
from django.utils import timezone

from runsdash.accounts.guards import UserRequest
from runsdash.actions.models import Lineage
from runsdash.dashboard.inbox.queue_scope import QueueScope
from runsdash.dashboard.shell.copy_age import WhyACopy
from runsdash.dashboard.shell.links import assistant_of_run_url, mark_ambiguous, run_url
from runsdash.dashboard.shell.page_types import Context
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.missed_calls import asked_of_people
from runsdash.index.models import Run, RunBody, StatusSeen
from runsdash.index.storage import page_reads, run_reads
from runsdash.index.storage.bodies import raw_chunks
from runsdash.index.storage.previews import PREVIEW_CHARS
from runsdash.index.storage.storable_text import ID_CHARS
from runsdash.index.totals import pricing
from runsdash.prepared import Prepared
from runsdash.service.json_types import JsonObject
from runsdash.service.statuses import RunStatus

from . import parameters
from .children import parent_of
from .live_panel import LivePanel
from .reading import Reading
from .unsent_outputs import UnsentOutputs, unsent_outputs_of

HIT_CHARS = 300
RERUNS_SHOWN = 5
PRICES = {"own": "your own price", "list": "list price", "full": "full list price, a batch may cost less"}
TABS = {"timeline": "Run", "conversation": "Conversation", "raw": "Raw JSON", "audit": "Audit"}


def lineage_of(run: int, source: int) -> QuerySet[Lineage]:
    rows = Lineage.objects.select_related("run__thread", "run__connection", "source__thread", "source__connection")
    return rows.filter(Q(run_id=run) | Q(source_id=source)).order_by("-made_at")[: RERUNS_SHOWN + 1]


LINEAGE = Prepared(lineage_of, int, int)


class RunPage(Reading, WhyACopy):
    """Shows a run to one reader: `?tab=`, `?step=`, `?after=`, and `?shown=`, the calls whose form is open.

    The run comes from `polled_run`, whose marks say what need not be read.
    """

    def __init__(self, request: UserRequest, run: Run) -> None:
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
        self.live_panel = LivePanel(run, shown=request.GET.get("live", "")[:64])
        self.waiting_elsewhere = Shell(request).waiting_count
        self.queue_scope = QueueScope.of_request(request)

    # The run

    @cached_property
    def body(self) -> run_reads.RunBeside:
        return run_reads.run_beside(self.run)

    @property
    def parameters(self) -> JsonObject:
        return self.body.parameters

    @cached_property
    def statuses_seen(self) -> list[StatusSeen]:
        return page_reads.statuses_seen(self.run) if self.body.has_changed_hands else []

    @property
    def assistant_name(self) -> str:
        return self.body.assistant_name

    @property
    def assistant_url(self) -> str:
        return assistant_of_run_url(self.run)

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
    def lineage(self) -> list[Lineage]:
        """Returns who made this run again or was made from it here, the newest first."""
        if self.run.source_run is None and self.run.last_rerun is None:
            return []
        rows = list(LINEAGE.rows(self.run.pk, self.run.pk))
        mark_ambiguous([run for row in rows for run in (row.run, row.source)])
        return rows

    @property
    def source(self) -> Lineage | None:
        """Returns what this run was made from, when somebody here made it again."""
        return next((one for one in self.lineage if one.run_id == self.run.pk), None)

    @property
    def reruns(self) -> list[Lineage]:
        return [one for one in self.lineage if one.source_id == self.run.pk][:RERUNS_SHOWN]

    @cached_property
    def parent(self) -> Run | None:
        """Returns the run whose call started this one."""
        return parent_of(self.run)

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
    def tool_names(self) -> list[str]:
        return parameters.tool_names(self.parameters.get("tools"))

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
        return self.body.is_cut

    @cached_property
    def raw_url(self) -> str:
        return run_url(self.run, "run_raw")

    @property
    def tabs(self) -> list[Context]:
        urls = {name: run_url(self.run, tab=name if name != "timeline" else "") for name in TABS}
        counts = {"conversation": len(self.messages), "audit": len(self.audited_actions)}
        return [
            {
                "name": name,
                "label": label,
                "url": f"{urls[name]}#tabs",
                "is_open": name == self.tab,
                "count": counts.get(name, 0),
            }
            for name, label in TABS.items()
        ]

    # The other tabs

    @cached_property
    def names(self) -> dict[str, str]:
        """Returns assistants' names by id, for the messages."""
        known = {self.run.assistant_id: self.assistant_name} if self.assistant_name else {}
        others = {message.assistant_id for message in [*self.said.before, *self.messages]} - {"", self.run.assistant_id}
        return known | page_reads.assistant_names(self.run.connection_id, others)

    @cached_property
    def raw(self) -> JsonObject | None:
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
