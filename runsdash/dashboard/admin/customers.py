"""Lets administrators name the metadata key of a connection's threads that says whose a thread is."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, admin_required
from runsdash.actions.connections import name_customer_key
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.index.search.index_ranges import distinct_values
from runsdash.service.checks import MAX_METADATA_KEY_CHARS

MOST_OFFERED = 30


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def customer(request: UserRequest, slug: str) -> HttpResponse:
    """Shows the form; on POST keeps the key. An empty one takes the column of customers away."""
    connection = connection_named(slug)
    if request.method != "POST":
        return form_page(request, slug, typed=connection.customer_key)
    typed = request.POST.get("customer_key", "")
    if len(typed) > MAX_METADATA_KEY_CHARS:
        error = f"A metadata key has at most {MAX_METADATA_KEY_CHARS} characters."
        return form_page(request, slug, typed=typed, error=error, status=422)
    name_customer_key(actor=request.user, connection=connection, key=typed.strip())
    messages.success(request, "Customers are named." if typed.strip() else "Customers are no longer named.")
    return redirect("connection", slug)


def form_page(request: UserRequest, slug: str, *, typed: str, error: str = "", status: int = 200) -> HttpResponse:
    known = distinct_values("index_threadmetadata", "key", count=MOST_OFFERED)
    context = {"slug": slug, "typed": typed, "error": error, "known": known}
    return render(request, "admin/connections/customer.html", context, status=status)
