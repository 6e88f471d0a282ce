"""Leads from any id, or text that contains one, to its page."""

from collections.abc import Callable

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.index.connections import connections
from runsdash.index.ids import FoundId, found_ids
from runsdash.index.models import Assistant, Connection, Message, Run, RunStep, Thread
from runsdash.index.storage.storable_text import ID_CHARS

from .links import mark_ambiguous, run_url, thread_url
from .lookup import SeveralConnections, connection_named

MAX_TYPED_CHARS = 10_000
MAX_LOOKED_UP = 50
Place = tuple[type[Model], list[str], Callable[..., str]]  # a model, what to select with it, its page


@viewer_required
@require_safe
def go(request: HttpRequest) -> HttpResponse:
    """Redirects to the page of what was typed. Else its own page keeps the text and says what can be typed."""
    text = request.GET.get("id", "").strip()[:MAX_TYPED_CHARS]
    if not text:
        return render(request, "shell/go.html", {"text": ""})
    slug = request.GET.get("connection")
    within = [connection_named(slug)] if slug else connections()
    ids = found_ids(text)[:MAX_LOOKED_UP]
    whole = [FoundId("", text)] if len(text) <= ID_CHARS else []  # an id may look like nothing that is found in text
    url = (
        known_url([*whole, *ids], within, places=INSIDE_THREADS)
        or unknown_url(ids, slug, needs_run=True)
        or known_url([*whole, *ids], within, places=WHOLE)
        or unknown_url(ids, slug)
    )
    if url:
        return redirect(url)
    runs = [one.upstream_id for one in ids if one.kind == "run"]
    context = {"text": text, "ids": ids, "unknown_run": runs[0] if runs else ""}
    return render(request, "shell/go.html", context, status=404)


def known_url(ids: list[FoundId], within: list[Connection], *, places: list[Place]) -> str:
    """Returns the page of the first id that the index knows, one kind of object after the other."""
    wanted = [one.upstream_id for one in ids]
    for model, related, url_of in places:
        rows = model.objects.filter(connection__in=within, upstream_id__in=wanted).select_related(*related)
        known = sorted(rows[:MAX_LOOKED_UP], key=lambda row: wanted.index(row.upstream_id))
        if not known:
            continue
        same = [row for row in known if row.upstream_id == known[0].upstream_id]
        if len(same) > 1:
            raise SeveralConnections(upstream_id=same[0].upstream_id, connections=[row.connection for row in same])
        return url_of(known[0])
    return ""


def unknown_url(ids: list[FoundId], slug: str | None, *, needs_run: bool = False) -> str:
    """Returns the page that fetches an unknown thread, or a run whose thread is in the text too."""
    first = {one.kind: one.upstream_id for one in reversed(ids)}
    if "thread" not in first or (needs_run and "run" not in first):
        return ""
    name, args = ("run", [first["thread"], first["run"]]) if "run" in first else ("thread", [first["thread"]])
    query = f"?{urlencode({'connection': slug})}" if slug else ""
    return reverse(name, args=args) + query


def page_of_run(run: Run) -> str:
    mark_ambiguous([run])
    return run_url(run)


def page_of_step(step: RunStep) -> str:
    mark_ambiguous([step.run])
    return run_url(step.run, step=step.upstream_id)


def page_of_message(message: Message) -> str:
    """Returns the page of the conversation that ends with the message."""
    mark_ambiguous([message.thread])
    later = Message.objects.filter(thread=message.thread, position__gt=message.position).order_by("position").first()
    return f"{thread_url(message.thread, before=later.upstream_id if later else '')}#message-{message.pk}"


def page_of_thread(thread: Thread) -> str:
    mark_ambiguous([thread])
    return thread_url(thread)


def page_of_assistant(assistant: Assistant) -> str:
    return f"{reverse('runs')}?{urlencode({'q': f'assistant:{assistant.upstream_id}'})}"


INSIDE_THREADS: list[Place] = [
    (Run, ["thread", "connection"], page_of_run),
    (RunStep, ["run__thread", "run__connection", "connection"], page_of_step),
    (Message, ["thread__connection", "connection"], page_of_message),
]
WHOLE: list[Place] = [
    (Thread, ["connection"], page_of_thread),
    (Assistant, ["connection"], page_of_assistant),
]
