"""Answers refused sign-ins and passwords as every refused form is answered."""

from collections.abc import Callable
from functools import wraps

from allauth.account import views
from django.http import HttpRequest, HttpResponse

View = Callable[[HttpRequest], HttpResponse]


def refused_with_422(view: View) -> View:
    """Wraps a view that shows a form again with 200."""

    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        response = view(request)
        if request.method == "POST" and response.status_code == 200:
            response.status_code = 422
        return response

    return answered


login = refused_with_422(views.login)
logout = views.logout
password_change = refused_with_422(views.password_change)
