"""Writes the rows of a timeline: markup from functions, since a template takes several times as long for hundreds.

What comes from an upstream passes through `markup`, which escapes. Why: decision 21.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.rendering.images import in_kb
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.templatetags.shown import drawn, elapsed

from .children import ChildLine
from .waterfall import CallLine, StepLine, WaterfallBar

NONE = SafeString("")
ROW = SafeString(
    '<tr data-kind="{}" data-step-id="{}" id="row-{}"{}><th scope="row">'
    '<a href="{}" hx-get="{}" hx-target="#step-detail"'
    ' hx-swap="innerHTML" hx-push-url="true"{}>{}<span title="{}">{}{}</span></a></th>'
    '<td class="num c-tok dim">{}</td><td class="num c-dur">{}</td><td class="c-bar">{}</td></tr>'
)
CALL = SafeString(
    '<tr class="call" data-kind="{}"><th scope="row"><span title="{}">{}</span></th>'
    '<td class="num c-tok dim small">{}</td><td class="c-dur"></td><td class="c-bar">{}</td></tr>'
)
QUEUE = SafeString(
    '<tr data-kind="queue" id="row-queue"><th scope="row"><span class="row dim">{}Queued</span></th>'
    '<td class="num c-tok dim"></td><td class="num c-dur">{}</td><td class="c-bar">{}</td></tr>'
)

CHILD = SafeString(
    '<tr class="call" id="child-{}" data-kind="other" data-child-run-id="{}" data-status="{}"><th scope="row">'
    '<a href="{}" title="{}">{}<span>{}, <span>{}</span></span></a></th>'
    '<td class="num c-tok dim small">{}</td><td class="num c-dur">{}</td><td class="c-bar">{}</td></tr>'
)
CHILD_STEP = SafeString(
    '<tr class="call child" data-kind="{}"><th scope="row"><a href="{}"><span title="{}">{}</span></a></th>'
    '<td class="num c-tok dim small">{}</td><td class="num c-dur">{}</td><td class="c-bar">{}</td></tr>'
)


def timeline_rows(
    lines: Sequence[StepLine],
    *,
    queue: tuple[WaterfallBar, int | None] | None,
    url: str,
    chosen: int | None,
    now_percent: float | None,
    children: Mapping[int, Sequence[ChildLine]] = MappingProxyType({}),
) -> SafeString:
    """Returns the body of the table: the time in the queue, and each step with its calls.

    `queue`: its bar and seconds. `url`: a step's, but for its id. `chosen`: our key of the step that is open.
    `children`: the runs that steps started, by our key of the step.
    """
    now = now_line(now_percent)
    rows = []
    if queue:
        bar, queue_s = queue
        rows.append(markup(QUEUE, drawn("k-queue"), formats.duration_text(queue_s), track(bar, 10, now=now)))
    for line in lines:
        rows.append(step_row(line, url=url, is_chosen=line.step.pk == chosen, now=now))
        rows += [call_row(call, line.bar) for call in line.calls]
        rows += [row for child in children.get(line.step.pk, ()) for row in child_rows(child)]
    return mark_safe("".join(rows))


def step_row(line: StepLine, *, url: str, is_chosen: bool, now: SafeString) -> SafeString:
    step = line.step
    label, address = escaped(visible(line.label)), escaped(f"{url}{quote(step.upstream_id, safe='')}")
    state = f", {step.facts.label.lower()}" if not step.facts.is_terminal else ", failed" if step.error_code else ""
    mark = SafeString(' class="now-row"') if line.bar.runs else NONE
    took = elapsed(step.created_at) if line.bar.runs else formats.duration_text(line.took_s)
    return markup(
        ROW,
        line.kind,
        step.upstream_id,
        step.pk,
        SafeString(' data-status="failed"') if step.error_code else mark,
        address,
        address,
        SafeString(' aria-current="true"') if is_chosen else NONE,
        drawn(line.icon),
        label,
        markup("<code>{}</code>", label) if line.is_named else label,
        state,
        formats.count_text(step.total_tokens),
        took,
        track(line.bar, 9 if line.bar.waits else 10, now=now),
    )


def call_row(call: CallLine, bar: WaterfallBar) -> SafeString:
    label = escaped(visible(call.label))
    note = visible(call.note) if call.note else in_kb(call.output_size) if call.output_size is not None else ""
    return markup(
        CALL,
        call.kind,
        label,
        markup("<code>{}</code>", label) if call.is_named else label,
        note,
        track(bar, 4),
    )


def child_rows(child: ChildLine) -> list[SafeString]:
    """Writes a run that a step started, and its steps under it."""
    words, run = escaped(formats.short_id_text(child.id)), child.run
    if run is None or child.bar is None:
        return [markup(CHILD, child.id, child.id, "", child.url, child.id, "", "Not read yet", words, "", "", "")]
    shown, took = (drawn(run.facts.icon), run.facts.label), formats.duration_text(run.duration_s)
    tokens, bar = formats.count_text(run.total_tokens), track(child.bar, 6)
    rows = [
        markup(CHILD, child.id, child.id, run.status, child.url, child.id, *shown, words, tokens, took, bar),
        *(child_step_row(line, url=child.step_url) for line in child.steps),
    ]
    if child.more_steps:
        more = f"and {child.more_steps:,} more step{'s' if child.more_steps != 1 else ''}"
        rows.append(markup(CHILD_STEP, "other", child.url, more, more, "", "", ""))
    return rows


def child_step_row(line: StepLine, *, url: str) -> SafeString:
    label = escaped(visible(line.label))
    return markup(
        CHILD_STEP,
        line.kind,
        f"{url}{quote(line.step.upstream_id, safe='')}",
        label,
        markup("<code>{}</code>", label) if line.is_named else label,
        formats.count_text(line.step.total_tokens),
        formats.duration_text(line.took_s),
        track(line.bar, 4),
    )


def track(bar: WaterfallBar, height: int, *, now: SafeString = NONE) -> SafeString:
    """Draws a bar on its track, dashed where somebody outside had to answer."""
    begin = markup('<rect x="{}%" y="9" width="0.5%" height="10" rx="2"/>', bar.x) if bar.waits and height > 4 else NONE
    return markup(
        '<div class="track"><svg aria-hidden="true">'
        '<rect{}{} x="{}%" y="9" width="{}%" height="{}" rx="2"/>{}{}</svg></div>',
        SafeString(" data-running") if bar.runs else NONE,
        SafeString(' class="wait"') if bar.waits else NONE,
        bar.x,
        bar.width,
        height,
        begin,
        now,
    )


def now_line(percent: float | None) -> SafeString:
    if percent is None:
        return NONE
    return markup('<line class="now" x1="{}%" x2="{}%" y1="0" y2="28"/>', percent, percent)
