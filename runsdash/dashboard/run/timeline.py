"""Shows the timeline of a run page: a page of steps on its axis, and the step a reader has chosen."""

from datetime import datetime
from functools import cached_property

from django.urls import reverse
from django.utils.safestring import SafeString

from runsdash.dashboard.shell.links import run_url, with_connection
from runsdash.index.models import Message, Run
from runsdash.index.storage import page_reads, run_reads
from runsdash.index.walks import rests
from runsdash.service.statuses import RunStatus
from runsdash.sync.upstream_reads import STEPS_A_READ

from . import parameters, waterfall
from .children import ChildLine, child_lines
from .timeline_rows import timeline_rows


class Timeline:
    """Reads steps behind `after`, or those around the chosen step, once they are needed."""

    def __init__(self, run: Run, *, now: datetime, step_id: str = "", after: str = "") -> None:
        self.run, self.now, self.step_id, self.after = run, now, step_id, after

    @cached_property
    def steps(self) -> page_reads.StepPage:
        return run_reads.step_page(self.run, after=self.after, around=self.step_id)

    @cached_property
    def axis(self) -> waterfall.Axis:
        return waterfall.axis_of(self.run, self.steps.steps, now=self.now)

    @cached_property
    def lines(self) -> list[waterfall.StepLine]:
        return waterfall.lines(
            self.run, self.steps.steps, axis=self.axis, first_number=self.steps.first_number, now=self.now
        )

    @cached_property
    def children(self) -> dict[int, list[ChildLine]]:
        """Returns the runs that steps of this page started, by our key of the step."""
        if self.run.last_child is None:
            return {}
        return child_lines(self.run, self.steps.steps, axis=self.axis, now=self.now)

    @property
    def rows(self) -> SafeString:
        chosen = self.selected.step.pk if self.selected else None
        return timeline_rows(
            self.lines,
            queue=(self.queue_bar, self.run.queue_s) if self.queue_bar else None,
            url=self.step_url,
            chosen=chosen,
            now_percent=self.now_percent,
            children=self.children,
        )

    @property
    def queue_bar(self) -> waterfall.WaterfallBar | None:
        return None if self.steps.after else waterfall.queue_bar(self.run, self.axis, now=self.now)

    @property
    def now_percent(self) -> float | None:
        return self.axis.percent(self.now) if self.run.facts.is_active else None

    @property
    def steps_are_unknown(self) -> bool:
        """Tells whether the server lacks the operation, so that there never will be steps."""
        return self.run.connection.lacks_steps and not self.steps.steps

    @property
    def steps_were_not_listed(self) -> bool:
        """Tells whether the server's list of steps is empty for a run that must have had one."""
        has_worked = self.run.facts == RunStatus.COMPLETED or bool(self.run.total_tokens)
        return self.run.has_all_steps and not self.run.step_count and has_worked

    @property
    def rest_is_coming(self) -> bool:
        if self.run.connection.lacks_steps or self.may_lack_steps:
            return False
        return self.run.steps_walked_at is None if self.run.facts.is_active else not self.run.has_all_steps

    @property
    def may_lack_steps(self) -> bool:
        """Tells whether the upstream's list came to an end that may not be the run's."""
        return rests(self.run, "steps")

    @property
    def is_first_part(self) -> bool:
        """Tells whether these steps are certainly not all of them."""
        is_page = bool(self.steps.after) or self.steps.has_more
        return is_page or (self.rest_is_coming and len(self.steps.steps) >= STEPS_A_READ)

    @property
    def steps_so_far(self) -> str:
        return parameters.counted(self.run.step_count, "step")

    @property
    def steps_text(self) -> str:
        shown, calls = len(self.steps.steps), sum(step.call_count for step in self.steps.steps)
        if shown < self.run.step_count:
            first = self.steps.first_number
            return f"steps {first:,} to {first + shown - 1:,} of {self.run.step_count:,}"
        so_far = " so far" if self.is_first_part else ""
        words = [parameters.counted(shown, "step") + so_far] + (
            [parameters.counted(calls, "tool call")] if calls else []
        )
        return ", ".join(words)

    @cached_property
    def step_url(self) -> str:
        """Returns the page's URL up to and with `step=`."""
        base = run_url(self.run)
        return f"{base}{'&' if '?' in base else '?'}step="

    @property
    def first_steps_url(self) -> str:
        return run_url(self.run)

    @property
    def next_steps_url(self) -> str:
        return run_url(self.run, after=self.steps.next_after)

    steps_a_page = page_reads.STEPS_PER_PAGE

    @cached_property
    def selected(self) -> page_reads.StepInRun | None:
        step_id = self.step_id or self.default_step_id
        if not step_id:
            return None
        return self.step_at_hand(step_id) or page_reads.step_in_run(self.run, step_id)

    def step_at_hand(self, step_id: str) -> page_reads.StepInRun | None:
        """Returns a step of this page of steps whose neighbours are here, too."""
        steps, first = self.steps.steps, self.steps.first_number
        ids = [step.upstream_id for step in steps]
        at = ids.index(step_id) if step_id in ids else -1
        if at < 0 or (at == 0 and self.steps.after) or (at == len(steps) - 1 and self.steps.has_more):
            return None
        return page_reads.StepInRun(
            step=steps[at],
            preview=run_reads.step_preview(steps[at]),
            number=first + at,
            previous=ids[at - 1] if at else "",
            next=ids[at + 1] if at + 1 < len(ids) else "",
        )

    @property
    def default_step_id(self) -> str:
        """Chooses the step that a run waits for, the failed step of an ended run, else its longest.

        A run at work moves, so nothing is chosen for the reader.
        """
        steps = self.steps.steps
        if self.run.waits_for:
            return next((step.upstream_id for step in steps if waterfall.waits_for(self.run, step)), "")
        if self.run.facts.is_active or not steps or self.is_first_part:
            return ""
        longest = max(steps, key=lambda step: waterfall.step_end(self.run, step, now=self.now) - step.created_at)
        return next((step for step in steps if step.error_code), longest).upstream_id

    @cached_property
    def selected_line(self) -> waterfall.StepLine | None:
        if self.selected is None:
            return None
        step, number = self.selected.step, self.selected.number
        return waterfall.line_of(self.run, step, axis=self.axis, number=number, now=self.now)

    @property
    def step_raw_url(self) -> str:
        """Links to the chosen step as received; "" when none is chosen."""
        if self.selected is None:
            return ""
        ids = [self.run.thread.upstream_id, self.run.upstream_id, self.selected.step.upstream_id]
        return with_connection(reverse("step_raw", args=ids), self.run)

    @cached_property
    def selected_message(self) -> Message | None:
        step = self.selected.step if self.selected else None
        if step is None or not step.message_upstream_id:
            return None
        at_hand = (one for one in self.messages if one.upstream_id == step.message_upstream_id)
        return next(at_hand, None) or page_reads.message_named(self.run.thread, step.message_upstream_id)

    @property
    def messages(self) -> list[Message]:
        """Returns messages that are at hand."""
        return []
