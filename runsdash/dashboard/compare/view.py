"""Shows two runs side by side."""

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.actions.models import Lineage
from runsdash.dashboard.shell.links import compare_url, mark_ambiguous
from runsdash.dashboard.shell.lookup import connection_named, connection_of
from runsdash.index.models import Run
from runsdash.sync.refresh import run_row

from .comparison import Comparison

CANDIDATES = 8


@viewer_required
@require_safe
def compare(request: UserRequest) -> HttpResponse:
    """Compares `?a=` and `?b=`; with one or none of them, asks for the rest.

    `?a-connection=` and `?b-connection=` name the connection of one of them, before `?connection=`.
    """
    chosen = chosen_runs(request)
    if len(chosen) == 2:
        mark_ambiguous(chosen)
        return HttpResponseRedirect(compare_url(*sorted(chosen, key=lambda run: run.pk)))
    a, b = (named_run(request, name) for name in ("a", "b"))
    typed = {name: request.GET.get(name, "")[:200] for name in ("a", "b")}
    if chosen and a is None:
        a, typed["a"] = chosen[0], chosen[0].upstream_id
    if a is None or b is None:
        others = candidates(a or b)
        mark_ambiguous([run for run in (a, b, *others) if run is not None])
        context = {"a": a, "b": b, "typed": typed, "candidates": others}
        return render(request, "compare/choose.html", context)
    mark_ambiguous([a, b])
    return render(request, "compare/compare.html", {"comparison": Comparison(a, b), "a": a, "b": b})


def chosen_runs(request: UserRequest) -> list[Run]:
    """Returns the runs ticked in a list (`?run=KEY`), at most two."""
    keys = [int(key) for key in request.GET.getlist("run") if key.isdecimal() and len(key) < 20][:2]
    return list(Run.objects.filter(pk__in=keys).select_related("thread", "connection"))


def named_run(request: UserRequest, name: str) -> Run | None:
    """Returns the run of the index that `?a=` or `?b=` names; 404 when it is not there."""
    run_id = request.GET.get(name, "").strip()
    if not run_id:
        return None
    slug = request.GET.get(f"{name}-connection", "")
    run = run_row(connection_named(slug) if slug else connection_of(request, (Run, run_id)), run_id)
    if run is None:
        raise Http404(f"The run “{run_id[:80]}” is not in the index. Open its page once, then compare.")
    return run


def candidates(run: Run | None) -> list[Run]:
    """Returns runs to compare with.

    These are its source, its re-runs, its neighbours on the thread and the same assistant's latest.
    """
    if run is None:
        return []
    related = set(Lineage.objects.filter(source=run).values_list("run_id", flat=True)[:CANDIDATES])
    related |= set(Lineage.objects.filter(run=run).values_list("source_id", flat=True))
    same_thread = Run.objects.filter(thread_id=run.thread_id).order_by("-id").values_list("pk", flat=True)
    latest = Run.objects.filter(connection=run.connection_id, assistant_id=run.assistant_id).order_by("-id")
    keys = list(dict.fromkeys([*related, *same_thread[:CANDIDATES], *latest.values_list("pk", flat=True)[:CANDIDATES]]))
    keys = [key for key in keys if key != run.pk][:CANDIDATES]
    runs = Run.objects.select_related("thread", "connection").in_bulk(keys)
    return [runs[key] for key in keys if key in runs]
