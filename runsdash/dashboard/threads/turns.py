"""Renders the turns of a conversation: what somebody said, and what a run called, wrote, or ended with. Asks nothing.

Written as text for the reason that `runs/cells.py` gives, and by its rule: what is not our own goes through `markup`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.message_parts import parts_html
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.run.outcome import RunOutcome
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.links import address, run_url, thread_url, with_connection
from runsdash.dashboard.shell.markup import markup
from runsdash.dashboard.templatetags import shown
from runsdash.dashboard.templatetags.rendered import author
from runsdash.index.models import Message, Run, Thread

from .calls import calls_html
from .story import Turn

CAUSE_CHARS = 400
NOTHING = SafeString("")
SAID = """<li class="turn{}">
  <article id="message-{}" data-message-id="{}">
    <header> <h3>{}</h3> {} {} </header>
    {}
    {}
  </article>
</li>
"""
UNKNOWN_RUN = '<p class="muted small">Written by {}, which is not in the index.</p>'
RUN = """<li class="turn run" id="told-{}" data-run-id="{}" data-status="{}">
  <header>
    <h3>{}</h3> {} <span> {} </span> {} {} {}
  </header>
  {}
</li>
"""
CALLED, MORE = '<ul class="did"> {} {} </ul>\n', '<li class="muted small"><a href="{}">{} more calls</a></li>'
WRITTEN = """<article id="message-{}" data-message-id="{}">
  {}
  <footer class="muted small row">{}</footer>
</article>
"""
WRITING = '<pre class="md said" id="writing-{}" dir="auto">{}</pre>\n'
CAUSE = '<p class="cause"> {} <span> {} </span> </p>\n'
WAITS = '<p><a href="{}#tool-outputs">It needs an answer</a></p>\n'
GOES_ON = '<p class="muted small"><span class="live on">Going on</span>, <a href="{}">watch it write</a></p>\n'
WROTE_NOTHING = SafeString('<p class="muted small">It wrote nothing that is in the index.</p>\n')
LINKS = """{}
<a href="{}#message-{}">from here</a>
<a class="hide-xs" href="{}">raw.json</a>
<a class="hide-xs" href="{}">plain text</a>"""


@dataclass(frozen=True)
class Story:
    """Holds what the turns of a page have in common. `names`: of assistants, by id."""

    thread: Thread
    names: Mapping[str, str]


def turns_html(turns: Sequence[Turn], thread: Thread, names: Mapping[str, str]) -> SafeString:
    story = Story(thread, names)
    return SafeString("".join([run_html(turn, turn.run, story) if turn.run else said(turn, story) for turn in turns]))


def said(turn: Turn, story: Story) -> SafeString:
    return SafeString("".join([said_html(turn, message, story) for message in turn.messages]))


def said_html(turn: Turn, message: Message, story: Story) -> SafeString:
    run_id = message.run_upstream_id
    return markup(
        SAID,
        " user" if turn.is_user else "",
        message.pk,
        message.upstream_id,
        "User" if message.role == "user" else author(message, story.names),
        links(message, story),
        shown.moment(message.created_at),
        content(message, story),
        markup(UNKNOWN_RUN, shown.short_id(run_id)) if run_id else NOTHING,
    )


def run_html(turn: Turn, run: Run, story: Story) -> SafeString:
    """Renders a run. Root: #told-<key>."""
    took = shown.elapsed(run.created_at) if run.facts.is_active else formats.duration_text(run.duration_s)
    return markup(
        RUN,
        run.pk,
        run.upstream_id,
        run.status,
        visible(story.names.get(run.assistant_id) or "Assistant"),
        shown.status(run.facts),
        took,
        markup("<span>{}</span>", formats.cost_text(run.cost)) if run.cost is not None else NOTHING,
        shown.run_link(run),
        shown.moment(run.created_at),
        SafeString("".join([called(turn, run), *written(turn, run, story), cause(run, turn.outcome), end(turn, run)])),
    )


def called(turn: Turn, run: Run) -> SafeString:
    calls = calls_html(turn, run) if turn.steps else NOTHING
    if not calls:
        return NOTHING
    more = markup(MORE, run_url(run), turn.more_calls) if turn.more_calls else NOTHING
    return markup(CALLED, calls, more)


def written(turn: Turn, run: Run, story: Story) -> list[SafeString]:
    """Renders what the run wrote; of one that goes on, what it has written so far."""
    if turn.writing and not turn.messages:
        return [markup(WRITING, run.pk, visible(turn.writing))]
    return [
        markup(WRITTEN, message.pk, message.upstream_id, content(message, story), links(message, story))
        for message in turn.messages
    ]


def cause(run: Run, outcome: RunOutcome | None) -> SafeString:
    """Says why a run ended without completing."""
    if outcome is None:
        return NOTHING
    code = markup("<code>{}</code>", visible(outcome.code)) if outcome.code else run.facts.label
    if outcome.message:
        words = cut(visible(outcome.message), CAUSE_CHARS)
    elif outcome.unanswered:
        names = SafeString(", ".join([markup("<code>{}</code>", visible(name)) for name in outcome.unanswered]))
        were = "was" if len(outcome.unanswered) == 1 else "were"
        words = markup("{} {} never answered. {}", names, were, outcome.words)
    else:
        words = outcome.words
    return markup(CAUSE, code, words)


def end(turn: Turn, run: Run) -> SafeString:
    if run.facts.is_waiting:
        return markup(WAITS, run_url(run))
    if run.facts.is_active:
        return markup(GOES_ON, run_url(run))
    return NOTHING if turn.messages or turn.outcome else WROTE_NOTHING


def content(message: Message, story: Story) -> SafeString:
    whole = with_connection(address("message_raw", message.upstream_id), story.thread)
    return parts_html(message, story.thread.connection.slug, whole)


def links(message: Message, story: Story) -> SafeString:
    """Shows a message's id and what leads to it."""
    thread, message_id = story.thread, message.upstream_id
    return markup(
        LINKS,
        shown.short_id(message_id),
        thread_url(thread, at=message_id),
        message.pk,
        with_connection(address("message_raw", message_id), thread),
        with_connection(address("message_text", message_id), thread),
    )
