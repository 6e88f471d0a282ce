"""Not built yet: answers 501."""

from django.http import HttpRequest, HttpResponse


def runs(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def live(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def short(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)
