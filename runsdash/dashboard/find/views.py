"""Renders the one box: where an id leads, what words find, and what is suggested meanwhile."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell.lookup import SeveralConnections, connection_named
from runsdash.dashboard.shell.shell import Shell

from .found import IN_FULL, WHILE_TYPING, Group, Hit, Wanted, groups_of, places
from .ids import TypedIds

MAX_TYPED_CHARS = 10_000
MAX_SEARCHED_CHARS = 1_000  # of what is no id
ON_THE_PAGE, SUGGESTED = 10, 4


@viewer_required
@require_safe
def search(request: UserRequest) -> HttpResponse:
    """Redirects to what an id in the text means; else shows what the words find, or what to do next."""
    return answered(request, request.GET.get("q", ""), missed=200)


@viewer_required
@require_safe
def go(request: UserRequest) -> HttpResponse:
    """Redirects to the page of an id, or of text that contains one. A miss is 404, and searched for like any words."""
    return answered(request, request.GET.get("id", ""), missed=404)


def answered(request: UserRequest, typed: str, *, missed: int) -> HttpResponse:
    text, shell, slug = typed.strip()[:MAX_TYPED_CHARS], Shell(request), request.GET.get("connection", "")
    within = [connection_named(slug, among=shell.connections)] if slug else shell.connections
    ids = TypedIds.of(text, slug) if text else TypedIds()
    url = ids.url(within)
    if url:
        return redirect(url)
    wanted = Wanted(text[:MAX_SEARCHED_CHARS], shell, request.user, ON_THE_PAGE, IN_FULL)
    groups = groups_of(wanted) if text else [places(wanted)]
    context = {
        "text": text, "ids": ids, "shell": shell, "within": within, "groups": groups, "columns": columns_of(groups),
    }  # fmt: skip
    return render(request, "find/search.html", context, status=missed if text else 200)


def columns_of(groups: list[Group]) -> list[list[Group]]:
    """Sets the rest beside the runs. Nothing beside nothing: there is one column then."""
    runs, rest = [one for one in groups if one.name == "runs"], [one for one in groups if one.name != "runs"]
    return [column for column in (runs, rest) if column]


@viewer_required
@require_safe
def suggest(request: UserRequest) -> HttpResponse:
    """Suggests where to go while somebody types: few of each kind, each looked for in bounded time."""
    text, shell = request.GET.get("q", "").strip()[:MAX_TYPED_CHARS], Shell(request)
    wanted = Wanted(text[:MAX_SEARCHED_CHARS], shell, request.user, SUGGESTED, WHILE_TYPING)
    by_id = [group for group in [opened(text, shell)] if group.hits] if text else []
    groups = by_id or (groups_of(wanted) if text else [places(wanted)])
    return render(request, "find/_suggestions.html", {"text": text, "groups": groups, "shell": shell})


def opened(text: str, shell: Shell) -> Group:
    """Returns the page that an id in the text leads to. Of several connections the page of the search asks."""
    within = [shell.chosen] if shell.chosen else shell.connections
    try:
        url = TypedIds.of(text, shell.chosen.slug if shell.chosen else "").url(within)
    except SeveralConnections:
        url = ""
    return Group("ids", "Id", [Hit(url, f"Open {text[:80]}", "arrow-right", note="Enter")] if url else [])
