"""Not built yet: answers 501."""

from django.http import HttpRequest, HttpResponse


def cancel(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)
