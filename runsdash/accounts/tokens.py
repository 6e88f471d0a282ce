"""Makes tokens of scripts, and tells who comes with one. Owns what each scope needs; pages and trail are elsewhere."""

import contextlib
import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from runsdash.row_access import hide
from runsdash.service.json_types import JsonObject

from .guards import READ_ONLY
from .models import ApiToken, User
from .teams import hidden_from

Scope = ApiToken.Scope
MARK = "rdt_"  # by which scanners of secrets, and people, know a token of RunsDash
SHOWN_CHARS = len(MARK) + 6
SECRET_BYTES = 32  # as random as a key, so that a plain digest is enough
DAYS = 90
USED_EVERY = timedelta(minutes=1)  # the last use is written no more often
NEEDS = {Scope.EXPORT: "can_see", Scope.INGEST: "can_act"}  # which right its owner must have


class TokenRefusal(JsonResponse):
    """Answers a request whose token is missing or not good enough: 401 or 403 with a sentence."""

    def __init__(self, sentence: str, *, status: int, code: str) -> None:
        super().__init__({"error": {"message": sentence, "code": code}}, status=status)
        self.sentence = sentence
        if status == 401:
            self["WWW-Authenticate"] = 'Bearer realm="RunsDash"'


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def new_token(*, name: str, scopes: Iterable[str], user: User | None, days: int | None) -> tuple[ApiToken, str]:
    """Returns a row that is not saved yet and its secret, which nobody can read again. No `days`: it never ends."""
    secret = MARK + secrets.token_urlsafe(SECRET_BYTES)
    expires_at = timezone.now() + timedelta(days=days) if days else None
    return ApiToken(
        name=name, user=user, scopes=sorted(set(scopes)), expires_at=expires_at, prefix=secret[:SHOWN_CHARS],
        digest=digest_of(secret),
    ), secret  # fmt: skip


def picture(token: ApiToken) -> JsonObject:
    """Returns what the trail keeps of a token."""
    return {
        "name": token.name,
        "prefix": token.prefix,
        "owner": token.user.username if token.user else None,
        "scopes": token.scopes,
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
    }


def lacks(user: User | None, scopes: Iterable[str]) -> str:
    """Says why this owner may not have a token with these scopes; empty when they may. No owner: the server's own."""
    if user is None:
        return ""
    if not user.is_active:
        return f"The account {user.username} is turned off."
    for scope in scopes:
        if not getattr(user, NEEDS[Scope(scope)]):
            role = "operator" if NEEDS[Scope(scope)] == "can_act" else "viewer"
            return f"The scope {scope} needs the role {role}, which {user.username} does not have."
    return ""


def bearer(request: HttpRequest) -> str | None:
    """Returns the token that a request brings along; None when it brings none."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def token_of(request: HttpRequest, scope: str) -> ApiToken | TokenRefusal:
    """Returns the token of `Authorization: Bearer …` if it is good for `scope`, else the answer that refuses it.

    From then on the request reads what its owner may see.
    """
    secret = bearer(request)
    if not secret:
        sentence = f"This needs a token with the scope {scope}, as the header: Authorization: Bearer <token>."
        return TokenRefusal(sentence, status=401, code="token_missing")
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(secret)).first()
    if token is None:
        return TokenRefusal("There is no such token, or it was revoked.", status=401, code="token_unknown")
    if token.is_expired:
        sentence = f"The token {token.prefix}… expired on {token.expires_at:%Y-%m-%d}."
        return TokenRefusal(sentence, status=401, code="token_expired")
    if scope not in token.scopes:
        sentence = f"The token {token.prefix}… has the scope {', '.join(token.scopes)}, and this needs {scope}."
        return TokenRefusal(sentence, status=403, code="scope_missing")
    if lack := lacks(token.user, [scope]):
        return TokenRefusal(lack, status=403, code="owner_not_allowed")
    if settings.RUNSDASH_READ_ONLY and scope == Scope.INGEST:
        return TokenRefusal(READ_ONLY, status=403, code="read_only")
    note_use(token)
    if token.user:
        hide(hidden_from(token.user))
    return token


def note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        with contextlib.suppress(DatabaseError):  # an export reads only, and goes on without it
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
