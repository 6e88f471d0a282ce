"""Defines template tags for what looks the same on every page: icons, statuses, ids, times, counts.

They only format what they are given; none runs a query. Long lists use them, so they are built for speed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Protocol, TypeVar

from django import template
from django.conf import settings
from django.template.defaultfilters import stringfilter
from django.templatetags.static import static
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.runs.query import ListAddress
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.links import address, assistant_of_run_url, run_url, thread_url, view_url
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.shell.page_types import AnyRun, AnyThread, QueryValue
from runsdash.index.models import Run, SavedView
from runsdash.service.json_types import JsonFields
from runsdash.service.statuses import RunStatus, StepStatus, UnknownStatus, run_status

register = template.Library()

DASH = mark_safe('<span class="dim">—</span>')
NO_BEHAVIOUR, ELAPSED = SafeString(""), SafeString(" data-elapsed")
AGO, DUE = SafeString(" data-ago"), SafeString(' data-ago="or-in"')
TAGS_SHOWN = 3
NAME_CHARS = 32
Item = TypeVar("Item")


class ListQuery(Protocol):
    """Knows what the address of a list asks for: of runs, threads or the audit trail."""

    def url_query(self, **changes: QueryValue) -> str: ...


register.filter("duration", formats.duration_text)
register.filter("tokens", formats.count_text)
register.filter("partial_tokens", formats.partial_tokens_text)
register.filter("size", formats.size_text)
register.filter("cost", formats.cost_text)
register.filter("costs", formats.costs_text)
register.filter("shortly", formats.short_count_text)
register.filter("call_name", formats.call_name)
register.filter("short", formats.short_id_text)
register.filter("truncatechars", stringfilter(cut), is_safe=True)  # instead of Django's own, which takes far longer
register.simple_tag(formats.pending_names_text, name="pending_names")


@cache
def drawn(name: str) -> SafeString:
    address = static("icons.svg")
    return markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', address, name)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draws a symbol of static/icons.svg, hidden from screen readers."""
    return drawn(name)


@register.simple_tag
def status(facts: RunStatus | StepStatus | UnknownStatus | str, pill: bool = False) -> SafeString:
    """Shows icon, word and colour of a status: `{% status run.facts %}`; `pill=True` for headings."""
    if not isinstance(facts, RunStatus | StepStatus | UnknownStatus):
        facts = run_status(facts)
    kind = "status pill" if pill else "status"
    return markup('<span class="{}" data-status="{}">{}{}</span>', kind, facts.value, drawn(facts.icon), facts.label)


# Ids


@register.simple_tag
def copy_button(text: str) -> SafeString:
    return markup(
        '<button class="copy" type="button" data-copy="{}" aria-label="Copy {}">{}</button>',
        text,
        text,
        drawn("copy"),
    )


@register.simple_tag
def short_id(upstream_id: str, url: str = "", copy: bool = True) -> SafeString:
    """Shows an id cut short, whole in `title`, with a copy button; a link when there is a `url`."""
    if not upstream_id:
        return DASH
    words, whole = formats.short_id_text(upstream_id), escaped(upstream_id)
    button = copy_button(whole) if copy else ""
    if url:
        return markup('<span class="idc"><a href="{}" title="{}">{}</a>{}</span>', url, whole, words, button)
    return markup('<span class="idc"><span title="{}">{}</span>{}</span>', whole, words, button)


@register.simple_tag
def run_link(run: AnyRun, copy: bool = True, hit: str = "") -> SafeString:
    """Links a run's short id to its page, where `hit` is marked. The run needs its thread selected."""
    return short_id(run.upstream_id, url=run_url(run, hit=hit), copy=copy)


@register.simple_tag
def thread_link(thread: AnyThread, copy: bool = False) -> SafeString:
    return short_id(thread.upstream_id, url=thread_url(thread), copy=copy)


@register.simple_tag
def assistant_of(run: AnyRun) -> SafeString:
    """Links the name of a run's assistant, else its id, to its page. The run went through `complete_rows`."""
    if not run.assistant_id:
        return DASH
    url = assistant_of_run_url(run)
    if not run.assistant_name:
        return short_id(run.assistant_id, url=url, copy=False)
    name = visible(cut(run.assistant_name, NAME_CHARS))
    return markup('<a class="plain" href="{}" title="{}">{}</a>', url, run.assistant_id, name)


@register.simple_tag(name="run_url")
def url_of_run(run: AnyRun, name: str = "run", **query: QueryValue) -> str:
    """Returns a URL under the run: `{% run_url run "cancel" %}`."""
    return run_url(run, name, **query)


@register.simple_tag(name="thread_url")
def url_of_thread(thread: AnyThread, name: str = "thread", **query: QueryValue) -> str:
    return thread_url(thread, name, **query)


@register.simple_tag
def query_of(query: ListQuery, **changes: QueryValue) -> str:
    """Returns the page's query with some values changed: `{% query_of query limit=25 %}`."""
    return query.url_query(**changes)


@register.simple_tag
def sort_of(query: ListAddress, sort: str) -> str:
    """Returns the page's query, sorted by a column, or the other way round when it is so already."""
    return query.sorted_by(sort)


@register.simple_tag
def view_query(view: SavedView) -> str:
    """Returns the address of the run list that a saved view stands for."""
    return view_url(view)


@register.filter
def at(values: Mapping[str, Item], key: str) -> Item | None:
    """Returns what stands under a key that is only known here."""
    return values.get(key) if values else None


# Times


@register.filter
def since(when: datetime, start: datetime) -> float:
    """Returns the seconds from `start` to `when`."""
    return (when - start).total_seconds()


def time_element(when: datetime, *, words: str, title: str, behaviour: SafeString = NO_BEHAVIOUR) -> SafeString:
    """Renders a `<time>`. `behaviour` is an attribute for static/js/page.js, which keeps the words true."""
    iso = f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return markup('<time datetime="{}" title="{}"{}>{}</time>', iso, title, behaviour, words)


@register.simple_tag
def now_iso() -> str:
    """Writes the server's clock, for scripts."""
    return f"{timezone.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


@register.simple_tag
def ago(when: datetime | None) -> SafeString:
    """Shows a past moment in a list: relative, absolute on hover; a date when older than some weeks.

    Clocks differ, so what seems to come has just been.
    """
    return aged(when, may_come=False)


@register.simple_tag
def due(when: datetime | None) -> SafeString:
    """Shows a moment that may still come."""
    return aged(when, may_come=True)


def aged(when: datetime | None, *, may_come: bool) -> SafeString:
    if when is None:
        return DASH
    words = formats.age_text(when, may_come=may_come)
    behaviour = NO_BEHAVIOUR if formats.is_date(words) else DUE if may_come else AGO
    return time_element(when, words=words, title=formats.moment_text(when), behaviour=behaviour)


@register.simple_tag
def elapsed(since: datetime | None, words: str = "") -> SafeString:
    """Shows a duration that still runs; `words` stand for it where it is written later."""
    if since is None:
        return DASH
    words = words or formats.duration_text((timezone.now() - since).total_seconds())
    title = f"since {formats.moment_text(since)}"
    return time_element(since, words=words, title=title, behaviour=ELAPSED)


@register.simple_tag
def moment(when: datetime | None, unknown: str = "unknown") -> SafeString | str:
    """Shows a moment in details: absolute, relative on hover."""
    if when is None:
        return unknown
    return time_element(when, words=formats.moment_text(when), title=formats.age_text(when))


@register.simple_tag
def countdown(when: datetime | None, label: str = "", big: bool = False) -> SafeString:
    """Shows the time left until `when`, ticking by static/js/page.js; `label` names the run."""
    if when is None:
        return DASH
    left_s = (when - timezone.now()).total_seconds()
    classes = f"countdown{' soon' * (left_s < formats.SOON_S)}{' big' * big}"
    time = time_element(when, words=formats.countdown_text(left_s), title=formats.moment_text(when))
    return markup(
        '<span class="{}" data-countdown data-now="{}" data-label="{}">{}{}</span>',
        classes,
        now_iso(),
        label,
        drawn("clock"),
        time,
    )


@register.simple_tag
def clock(when: datetime) -> SafeString:
    """Shows the time of day in the reader's zone, with the date if not of today; all on hover."""
    return time_element(when, words=formats.clock_text(when, seconds=True), title=formats.moment_text(when))


@register.simple_tag
def time_left(run: Run) -> SafeString:
    """Draws a bar of the time that is left of all the run had; static/js/page.js moves it."""
    if run.expires_at is None:
        return DASH
    whole_s = max(1, int((run.expires_at - run.created_at).total_seconds()))
    left_s = max(0, min(whole_s, int((run.expires_at - timezone.now()).total_seconds())))
    tone = "bad" if left_s < formats.SOON_S else "warn"
    return markup(
        '<progress data-tone="{}" max="{}" value="{}" data-time-left aria-label="Time left to submit"></progress>',
        tone,
        whole_s,
        left_s,
    )


# Calls and metadata


@register.simple_tag
def function_url(name: str) -> str:
    """Returns the page of a function: its schema and templates."""
    return address("function", name)


@register.simple_tag
def metadata_tags(metadata: JsonFields, limit: int = TAGS_SHOWN, query: ListAddress | None = None) -> SafeString:
    """Shows the first pairs by key as tags, and how many more there are.

    In a list (`query`) a tag filters by its pair.
    """
    if not metadata:
        return DASH
    pairs = sorted((str(key), str(value)) for key, value in metadata.items())
    tags = [tag(key, value, href=query.with_pair(key, value) if query else "") for key, value in pairs[:limit]]
    rest = pairs[limit:]
    if rest:
        title = ", ".join(f"{key}={value}" for key, value in rest)[:500]
        tags.append(markup('<span class="tag more" title="{}">+{}</span>', title, len(rest)))
    return markup('<span class="tags">{}</span>', mark_safe("".join(tags)))


def tag(key: str, value: str, *, href: str = "") -> SafeString:
    key, value = escaped(key), escaped(value)
    if href:
        return markup('<a class="tag" href="{}" title="{}={}"><i>{}=</i>{}</a>', href, key, value, key, value)
    return markup('<span class="tag" title="{}={}"><i>{}=</i>{}</span>', key, value, key, value)


@register.simple_tag
def disabled_if_read_only() -> str:
    """Turns a button off where the server takes nothing; `shell/_read_only.html` in its form says why."""
    return "disabled" if settings.RUNSDASH_READ_ONLY else ""
