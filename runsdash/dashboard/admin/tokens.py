"""Makes and revokes the reader's own tokens of scripts. Administrators also revoke those that belong to the server."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.actions.tokens import add_token, revoke_token

from .profile import profile_page
from .token_form import TokenForm, tokens_for


@viewer_required
@require_POST
def add(request: UserRequest) -> HttpResponse:
    """Makes a token and shows it, once."""
    form = TokenForm(request.POST, owner=request.user)
    if not form.is_valid():
        return profile_page(request, status=422, token_form=form)
    _, secret = add_token(actor=request.user, **form.cleaned_data)
    answer = profile_page(request, secret=secret)
    answer["Cache-Control"] = "no-store"
    return answer


@viewer_required
@require_POST
def revoke(request: UserRequest, key: int) -> HttpResponse:
    token = tokens_for(request.user).filter(pk=key).first()
    if token is None:
        raise Http404("You have no such token.")
    revoke_token(actor=request.user, token=token)
    messages.success(request, f"The token {token.name} is revoked.")
    return HttpResponseRedirect(reverse("profile"))
