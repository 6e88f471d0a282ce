"""Renders what the runs of a conversation called: a fold a call. Formats, asks nothing.

Written as text for the reason that `runs/cells.py` gives, and by its rule: what is not our own goes through `markup`.
"""

from collections.abc import Sequence
from operator import attrgetter

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.cache import render_cache
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.links import is_ambiguous, run_url
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.templatetags import shown
from runsdash.index.models import Run, RunStep

from .story import CallDone, Turn

VERSION = "calls-1"
TEXT_CHARS = 2000
step_state = attrgetter(
    "pk", "upstream_id", "digest", "kind", "status", "error_code", "created_at", "ended_at", "call_count", "calls"
)
CALL = """<li data-kind="{}">
  <details class="fold" id="call-{}-{}">
    <summary>
      {} {} <span class="gist"> {} {} </span> <span class="took"> {} </span>
    </summary>
    <div class="pairbox">
      <div> <h4>{}</h4> {} </div>
      <div> <h4>Output</h4> {} <p class="small"><a href="{}">The whole step</a></p> </div>
    </div>
  </details>
</li>
"""
NEVER_ANSWERED = SafeString("<strong>never answered</strong>")
NONE, NONE_SENT = SafeString('<p class="muted">none</p>'), SafeString('<p class="muted">none was sent</p>')
SEE_STEP = SafeString('<p class="muted">see the step</p>')


def calls_html(turn: Turn, run: Run) -> SafeString:
    """Renders what the run of the turn called; once it has ended, only when a step of it has changed."""
    if run.facts.is_active:
        return made(run, turn.calls)
    return SafeString(render_cache.get(VERSION, state_of(run, turn.steps), render=lambda: made(run, turn.calls)))


def state_of(run: Run, steps: Sequence[RunStep]) -> str:
    """Names all that the calls of an ended run show, and all that their links depend on."""
    own = run.thread.upstream_id, run.upstream_id, run.status, run.connection.slug, is_ambiguous(run)
    return repr((own, [step_state(step) for step in steps]))


def made(run: Run, calls: Sequence[CallDone]) -> SafeString:
    return SafeString("".join([call_html(run, call, number) for number, call in enumerate(calls, start=1)]))


def call_html(run: Run, call: CallDone, number: int) -> SafeString:
    step, label = call.line.step, escaped(visible(call.label))
    is_code, is_unanswered = bool(call.preview.get("code")), call.was_never_answered
    return markup(
        CALL,
        call.kind,
        step.pk,
        number,
        shown.drawn(call.line.icon),
        markup("<code>{}</code>", label) if call.is_named else label,
        visible(call.gist),
        NEVER_ANSWERED if is_unanswered else "",
        markup("{} so far", shown.elapsed(step.created_at))
        if call.is_open
        else formats.duration_text(call.line.took_s),
        "Code" if is_code else "Arguments",
        text(call, "code") or text(call, "arguments") or NONE,
        text(call, "output") or (NONE_SENT if is_unanswered else SEE_STEP),
        run_url(run, step=step.upstream_id),
    )


def text(call: CallDone, name: str) -> SafeString | None:
    """Renders a text of the call's preview; None where it has none."""
    found = call.preview.get(name)
    if not isinstance(found, dict) or not found.get("size"):
        return None
    words = cut(visible(str(found.get("text", ""))), TEXT_CHARS)
    return markup('<pre class="code wrap clip" tabindex="0">{}</pre>', words)
