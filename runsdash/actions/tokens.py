"""Makes and revokes tokens of scripts for people, on the record."""

from runsdash.accounts.models import ApiToken, User
from runsdash.accounts.tokens import new_token, picture
from runsdash.service.json_types import JsonLike

from .audited_change import change


def add_token(*, actor: User, name: str, scopes: list[str], days: int) -> tuple[ApiToken, str]:
    """Makes one of the actor's own and returns it with its secret, which is shown once."""
    token, secret = new_token(name=name, scopes=scopes, user=actor, days=days)

    def act() -> tuple[ApiToken, JsonLike]:
        token.save()
        return token, picture(token)

    made = change(actor=actor, action="token_added", right="can_see", connection_slug="", act=act)
    return made, secret


def revoke_token(*, actor: User, token: ApiToken) -> None:
    """Ends a token at once: its row goes, and the trail tells of it."""

    def act() -> tuple[None, JsonLike]:
        token.delete()
        return None, {"revoked": True}

    change(actor=actor, action="token_revoked", right="can_see", connection_slug="", act=act, before=picture(token))
