"""Not built yet: answers 501."""

from django.http import HttpRequest, HttpResponse


def audit(request: HttpRequest, **ids: str) -> HttpResponse:
    return HttpResponse("Not built yet.", status=501)
