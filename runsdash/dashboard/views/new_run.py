"""Not built yet: answers 501."""

from django.http import HttpRequest, HttpResponse


def on_new_thread(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def on_thread(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)
