"""Saves, renames, shares and deletes filters of the lists of runs and threads, and of the overview.

Everybody sees a shared one, its owner alone changes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import ProtectedError, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.accounts.models import User
from runsdash.dashboard.overview.query import OVERVIEW_NAMES, OverviewQuery, checked_filter
from runsdash.dashboard.shell.links import kept_list_url, overview_url, view_url
from runsdash.dashboard.threads.query import BY_RUN, thread_list_address
from runsdash.index.kept_filters import keep_if_long
from runsdash.index.models import SavedView
from runsdash.index.search import SORTS, THREAD_SORTS
from runsdash.index.search.run_filter import THREADS, FilterError, RunFilter, parsed
from runsdash.prepared import Prepared
from runsdash.row_access import everything

from .query import MAX_FILTER_CHARS, NEWEST_FIRST, ListAddress, run_list_address

Page = SavedView.Page
READERS: dict[str, Callable[[str], RunFilter]] = {
    Page.RUNS: parsed,
    Page.THREADS: partial(parsed, subject=THREADS),
    Page.OVERVIEW: checked_filter,
}
ORDERS = {Page.RUNS: (SORTS, NEWEST_FIRST), Page.THREADS: (THREAD_SORTS, BY_RUN), Page.OVERVIEW: ((), "")}


class SavedViewForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Parses a name for a filter and an order, or for an overview. One person has a name once."""

    class Meta:
        model = SavedView
        fields = ("name", "page", "query", "sort", "rest", "is_shared")

    query = forms.CharField(required=False, max_length=MAX_FILTER_CHARS)
    sort = forms.CharField(required=False)
    page = forms.ChoiceField(required=False, choices=Page.choices)

    def clean_page(self) -> str:
        return self.cleaned_data["page"] or Page.RUNS

    def clean_query(self) -> str:
        try:
            return str(READERS[self.cleaned_data.get("page") or Page.RUNS](self.cleaned_data["query"]))
        except FilterError as refused:
            raise forms.ValidationError(str(refused)) from refused

    def clean_sort(self) -> str:
        sort = self.cleaned_data["sort"]
        sorts, usual = ORDERS[self.cleaned_data.get("page") or Page.RUNS]
        return sort if sort.removeprefix("-") in sorts and sort != usual else ""

    def clean_rest(self) -> str:
        given = QueryDict(self.cleaned_data["rest"])
        return urlencode({name: given[name] for name in OVERVIEW_NAMES if given.get(name)})

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        same = SavedView.objects.filter(owner=self.instance.owner, name=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise forms.ValidationError("You have a view of this name already.")
        return name


MOST = 200  # of one person
MAX_VIEWS = 30  # in the menu of a page; all are on their own page


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def views(request: UserRequest) -> HttpResponse:
    """Lists the views a person sees; on POST saves the filter in the form as a new one."""
    new = SavedView(owner=request.user)
    if request.method != "POST":
        given = {name: request.GET.get(name, "") for name in ("query", "sort", "page", "rest")}
        query = (thread_list_address if given["page"] == Page.THREADS else run_list_address)(request.GET)
        return listed(request, form=SavedViewForm(instance=new, initial=given | {"query": query.kept_text}))
    form = SavedViewForm(request.POST, instance=new)
    if SavedView.objects.filter(owner=request.user).count() >= MOST:
        form.add_error(None, f"You have {MOST} views; delete one first.")
    if not form.is_valid():
        return listed(request, form=form, status=422)
    keep_if_long(form.save().query)
    messages.success(request, f"View “{new.name}” saved.")
    return redirect(view_url(new))


@viewer_required
@require_POST
def change(request: UserRequest, key: int) -> HttpResponse:
    """Renames a view, shares it or stops sharing it."""
    view = own_view(request, key)
    before = view.name
    kept = {name: getattr(view, name) for name in ("query", "sort", "page", "rest")}
    given = {**kept, **request.POST.dict()}
    form = SavedViewForm(given, instance=view)
    if not form.is_valid():
        why = " ".join(map(str, form.errors.get("name", ["It is not valid."])))
        messages.error(request, f"“{before}” was not changed. {why}")
        return redirect("saved_views")
    keep_if_long(form.save().query)
    messages.success(request, f"View “{view.name}” changed.")
    return redirect("saved_views")


@viewer_required
@require_POST
def delete(request: UserRequest, key: int) -> HttpResponse:
    view = own_view(request, key)
    try:
        with everything():  # a rule that watches it may be one that its owner does not see
            view.delete()
    except ProtectedError:
        messages.error(request, f"“{view.name}” stays: a notification rule watches it. Remove that rule first.")
    else:
        messages.success(request, f"View “{view.name}” deleted.")
    return redirect("saved_views")


def own_view(request: UserRequest, key: int) -> SavedView:
    """Returns a view of this person; 404 for others', whatever they share."""
    return get_object_or_404(SavedView, pk=key, owner=request.user)


def seen_by(user: User | int) -> QuerySet[SavedView]:
    """Returns the views a person sees, given the person or their key."""
    return SavedView.objects.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


IN_MENU = Prepared(lambda user, page: seen_by(user).filter(page=page)[:MAX_VIEWS], int, str)


@dataclass(frozen=True)
class MenuView:
    """Holds a view for the head of the list. `owner`: whose it is, "" for the reader's own."""

    name: str
    address: str
    owner: str
    is_shared: bool
    is_chosen: bool


def views_in_menu(user: User, query: ListAddress, *, most: int) -> list[MenuView]:
    """Returns the views a person sees, for a list with this filter."""
    text, sort = query.kept_text, query.sort_word
    return menu_views(user, query.of, "sort", chosen=(text, sort), url=partial(kept_list_url, query.of), most=most)


def title_of(query: ListAddress, views: Sequence[MenuView]) -> str:
    """Names the view that is shown, else what the filter says."""
    return next((one.name for one in views if one.is_chosen), "") or query.text


def overviews_in_menu(user: User, query: OverviewQuery, *, most: int) -> list[MenuView]:
    """Returns the saved overviews a person sees, for an overview that is shown."""
    chosen = (query.kept_text, query.rest)
    return menu_views(user, Page.OVERVIEW, "rest", chosen=chosen, url=overview_url, most=most)


def menu_views(
    user: User, page: str, column: str, *, chosen: tuple[str, str], url: Callable[[str, str], str], most: int
) -> list[MenuView]:
    """Returns views of a page; `column` says what of its address a view keeps beside the filter."""
    return [
        MenuView(
            name=view.name,
            address=url(view.query, getattr(view, column)),
            owner=view.owner.username if view.owner_id != user.pk else "",
            is_shared=view.is_shared,
            is_chosen=(view.query, getattr(view, column)) == chosen,
        )
        for view in IN_MENU.rows(user.pk, str(page))[:most]
    ]


def listed(request: UserRequest, *, form: SavedViewForm, status: int = 200) -> HttpResponse:
    seen = list(seen_by(request.user)[: 2 * MOST])
    own = [view for view in seen if view.owner_id == request.user.pk]
    shared = [view for view in seen if view.owner_id != request.user.pk]
    return render(request, "runs/views.html", {"form": form, "own": own, "shared": shared}, status=status)
