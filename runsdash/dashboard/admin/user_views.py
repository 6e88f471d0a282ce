"""Accounts and their roles. Administrators only."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from runsdash.accounts.guards import admin_required
from runsdash.accounts.models import User
from runsdash.actions.users import save_user

from .user_form import UserForm


@admin_required
@require_safe
def users(request: HttpRequest) -> HttpResponse:
    return render(request, "admin/users/users.html", {"people": User.objects.order_by("username")})


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    form = UserForm(request.POST or None, actor=request.user, initial={"is_active": True, "role": "viewer"})
    return answer(request, form)


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: int) -> HttpResponse:
    person = User.objects.filter(pk=key).first()
    if person is None:
        raise Http404("There is no such account.")
    return answer(request, UserForm(request.POST or None, actor=request.user, instance=person))


def answer(request: HttpRequest, form: UserForm) -> HttpResponse:
    """The form, or back to the list once it was kept."""
    if request.method == "POST" and form.is_valid():
        person = save_user(actor=request.user, user=form.instance, password=form.cleaned_data["password"])
        messages.success(request, f"The account {person.username} is saved.")
        return HttpResponseRedirect(reverse("users"))
    context = {"form": form, "name": form.instance.username if form.instance.pk else ""}
    return render(request, "admin/users/user.html", context, status=422 if form.is_bound else 200)
