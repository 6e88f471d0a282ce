"""All addresses of the project, a view that does nothing for who is signed in, and the frame around an empty page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from runsdash.accounts.guards import viewer_required
from runsdash.urls import urlpatterns as all_of_them


@viewer_required
def floor(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


@viewer_required
def shell(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


urlpatterns = [path("floor/", floor), path("shell/", shell), *all_of_them]
