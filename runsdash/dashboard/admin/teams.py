"""Manages teams: which people see which connections. Administrators only."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, admin_required
from runsdash.accounts.models import Team, User
from runsdash.actions.teams import remove_team, save_team
from runsdash.index.models import Connection


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Parses a team: its name, members and connections."""

    class Meta:
        model = Team
        fields = ("name", "members", "connections")
        help_texts = {"name": "Shown here and in the audit trail."}
        error_messages = {"name": {"unique": "There is a team of this name already."}}

    members = forms.ModelMultipleChoiceField(User.objects.order_by("username"), required=False)
    connections = forms.ModelMultipleChoiceField(Connection.objects.order_by("slug"), required=False)

    def chosen(self, name: str) -> set[str]:
        """Returns the keys that are ticked, as a page has them."""
        return {str(getattr(one, "pk", one)) for one in self[name].value() or ()}

    def offered(self, name: str) -> list[tuple[str, str, bool]]:
        """Returns key, name and whether it is ticked, of each that can be."""
        field: Any = self.fields[name]  # either has a queryset
        ticked = self.chosen(name)
        return [(str(one.pk), str(one), str(one.pk) in ticked) for one in field.queryset]

    @property
    def people(self) -> list[tuple[str, str, bool]]:
        return self.offered("members")

    @property
    def servers(self) -> list[tuple[str, str, bool]]:
        return self.offered("connections")


@admin_required
@require_safe
def teams(request: UserRequest) -> HttpResponse:
    rows = Team.objects.annotate(people=Count("members", distinct=True)).prefetch_related("connections")
    return render(request, "admin/teams/teams.html", {"teams": rows})


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: UserRequest) -> HttpResponse:
    return answer(request, TeamForm(request.POST or None))


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: UserRequest, key: int) -> HttpResponse:
    return answer(request, TeamForm(request.POST or None, instance=team_named(key)))


@admin_required
@require_POST
def remove(request: UserRequest, key: int) -> HttpResponse:
    team = team_named(key)
    remove_team(actor=request.user, team=team)
    messages.success(request, f"The team {team.name} is removed.")
    return HttpResponseRedirect(reverse("teams"))


def team_named(key: int) -> Team:
    team = Team.objects.filter(pk=key).first()
    if team is None:
        raise Http404("There is no such team.")
    return team


def answer(request: UserRequest, form: TeamForm) -> HttpResponse:
    """Shows the form, or goes back to the list once it was saved."""
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        team = save_team(
            actor=request.user, team=form.instance, members=chosen["members"], connections=chosen["connections"]
        )
        messages.success(request, f"The team {team.name} is saved.")
        return HttpResponseRedirect(reverse("teams"))
    name = Team.objects.filter(pk=form.instance.pk).values_list("name", flat=True).first() or ""
    return render(request, "admin/teams/team.html", {"form": form, "name": name}, status=422 if form.is_bound else 200)
