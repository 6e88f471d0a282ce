"""Not built yet: answers 501."""

from django.http import HttpRequest, HttpResponse


def connections(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def new(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def edit(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def test(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)


def remove(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)
