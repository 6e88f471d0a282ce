"""Starts a run on an existing thread, or on a thread made for it."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.audited_call import new_token
from runsdash.actions.rerun import OF_THREAD
from runsdash.actions.start_run import create_run, create_thread, create_thread_and_run
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import TokenUsed, refuse_used
from runsdash.dashboard.shell.form_answers import FIRST_RESULT_WAIT_S, first_result, sentence_of, status_of
from runsdash.dashboard.shell.links import run_url, thread_url
from runsdash.dashboard.shell.lookup import connection_of, indexed_thread, usable_connection
from runsdash.index.connections import connections
from runsdash.index.models import Assistant, Connection, Run, Thread
from runsdash.service import ServiceError
from runsdash.sync.assistants import fresh_assistants
from runsdash.sync.parallel_reads import until
from runsdash.sync.refresh import thread_row

from .new_run_form import RunForm, RunOnThreadForm, ThreadAndRunForm


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def on_thread(request: UserRequest, thread_id: str) -> HttpResponse:
    """Starts a run on an existing thread."""
    if request.method != "POST":
        thread = indexed_thread(request, thread_id=thread_id)
        connection = thread.connection
        form = RunOnThreadForm(initial={"token": new_token(), "assistant_id": request.GET.get("assistant_id")})
        return page(request, form, connection=connection, thread=thread)
    connection = connection_of(request, (Thread, thread_id))
    thread = thread_row(connection, thread_id) or Thread(connection=connection, upstream_id=thread_id)
    form = RunOnThreadForm(request.POST)

    def start() -> Run:
        return create_run(
            actor=request.user,
            connection=connection,
            thread_id=thread_id,
            parameters=form.parameters(),
            token=form.one_time_token,
            reason=form.reason_text,
        )

    return attempt(request, form, start, connection=connection, thread=thread)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def on_new_thread(request: UserRequest) -> HttpResponse:
    """Makes a thread, then a run on it, so that the run can be found if its answer is lost."""
    connection = usable_connection(request)
    if request.method != "POST":
        form = ThreadAndRunForm(initial={"token": new_token(), "assistant_id": request.GET.get("assistant_id")})
        return page(request, form, connection=connection)
    form = ThreadAndRunForm(request.POST)
    return attempt(request, form, lambda: start_both(request, form, connection), connection=connection)


def start_both(request: UserRequest, form: ThreadAndRunForm, connection: Connection) -> Run:
    actor, token, reason = request.user, form.one_time_token, form.reason_text
    parameters, thread = form.parameters(), form.thread_parameters()
    if form.takes_single_call:
        parameters |= {"thread": thread} if thread else {}
        return create_thread_and_run(
            actor=actor, connection=connection, parameters=parameters, token=token, reason=reason
        )

    def make() -> Thread:
        return create_thread(actor=actor, connection=connection, parameters=thread, token=token + OF_THREAD)

    thread_id = made_thread(form, make)
    return create_run(
        actor=actor, connection=connection, thread_id=thread_id, parameters=parameters, token=token, reason=reason
    )


def made_thread(form: RunForm, make: Callable[[], Thread]) -> str:
    """Returns the id of the thread made for the run.

    The form keeps it: when the run is refused, a second try makes no other.
    """
    if not form.cleaned_data["made_thread_id"]:
        form.cleaned_data["made_thread_id"] = make().upstream_id
        form.data = form.data.copy()
        form.data["made_thread_id"] = form.cleaned_data["made_thread_id"]
    return str(form.cleaned_data["made_thread_id"])


def attempt(
    request: UserRequest,
    form: RunForm,
    start: Callable[[], Run],
    *,
    connection: Connection,
    thread: Thread | None = None,
    source: Run | None = None,
) -> HttpResponse:
    """Checks, starts, and answers with the run's page, or with the form and what is wrong."""
    form_page = partial(page, request, form, connection=connection, thread=thread, source=source)
    try:
        refuse_used(request.POST.get("token"))
        if not form.is_valid():
            return form_page(status=422)
        run = start()
    except TokenUsed as used:
        return started_before(request, used)
    except ServiceError as error:
        form.add_service_error(error)
        return form_page(status=status_of(error), error=error)
    return HttpResponseRedirect(run_url(run))


def started_before(request: UserRequest, used: TokenUsed) -> HttpResponse:
    """Leads a second post of the same form to what the first one made."""
    token = used.intent.token or ""
    if token.endswith(OF_THREAD):  # the first post is between its two calls
        token = token.removesuffix(OF_THREAD)
        intent = until(lambda: AuditEntry.objects.filter(token=token).first(), seconds=FIRST_RESULT_WAIT_S)
        used = TokenUsed(intent or used.intent)
    audited = first_result(used)
    last = audited.last
    messages.warning(request, f"This form was sent before; nothing was sent again. Its result: {audited.result_label}.")
    if last and last.run_id:
        return HttpResponseRedirect(reverse("run", args=[last.thread_id, last.run_id]))
    thread_id = (last or audited.intent).thread_id
    return HttpResponseRedirect(reverse("thread", args=[thread_id]) if thread_id else reverse("audit"))


def page(
    request: UserRequest,
    form: RunForm,
    *,
    connection: Connection,
    thread: Thread | None = None,
    source: Run | None = None,
    status: int = 200,
    error: ServiceError | None = None,
) -> HttpResponse:
    if form.is_bound:
        form.data = form.data.copy()
        form.data["token"] = new_token()
    assistants = offered_assistants(connection, chosen=form["assistant_id"].value())
    context = {
        "form": form,
        "connection": connection,
        "thread": thread,
        "assistants": assistants,
        "models": sorted({one.model for one in assistants if one.model}),
        "connections": [one for one in connections() if one.is_asked],
        "sentence": sentence_of(error) if error else "",
        "is_unclear": may_have_started(form, error),
        "blocking": blocking_run(connection, error),
        "thread_url": thread_url(thread) if thread else "",
        "source": source,
    }
    return render(request, "run_actions/new_run.html", context, status=status)


def may_have_started(form: RunForm, error: ServiceError | None) -> bool:
    """Tells whether there may be a run now.

    A thread for it is made first; while there is none, no run was asked for.
    """
    if error is None or not error.outcome_unclear:
        return False
    return not form.makes_thread or bool(form.cleaned_data["made_thread_id"])


def offered_assistants(connection: Connection, *, chosen: str | None) -> list[Assistant]:
    """Returns those of the connection, and the chosen one even when it is not among them."""
    assistants = fresh_assistants(connection)
    if chosen and all(one.upstream_id != chosen for one in assistants):
        assistants = [Assistant(connection=connection, upstream_id=chosen), *assistants]
    return assistants


def blocking_run(connection: Connection, error: ServiceError | None) -> Run | None:
    """Returns the run that holds the thread's lock by the upstream's word, when the index knows it."""
    run_id = error.blocking_run_id if error else None
    if not run_id:
        return None
    return Run.objects.select_related("thread").filter(connection=connection, upstream_id=run_id).first()
