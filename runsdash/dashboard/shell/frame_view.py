"""The frame around a page that has no poll of its own: the badge of the inbox and the sync pill."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .shell import Shell


@require_safe
def frame(request: HttpRequest) -> HttpResponse:
    """Whoever is signed out gets nothing: what happens behind a form must not lead away from what was typed into it."""
    if not (request.user.is_authenticated and request.user.can_see):
        return HttpResponse(status=204)
    poll = Shell(request).frame_poll
    if request.headers.get("HX-PTag") == poll["tag"]:
        return HttpResponseNotModified()
    response = render(request, "shell/_frame.html")
    response["HX-PTag"] = poll["tag"]
    return response
