"""Ends sessions for the person whose they are, on the record."""

from collections.abc import Sequence

from runsdash.accounts.models import User, UserSession
from runsdash.service.json_types import JsonLike

from .audited_change import change


def sign_out(*, actor: User, rows: Sequence[UserSession]) -> None:
    """Ends these sessions of the actor's own."""

    def act() -> tuple[None, JsonLike]:
        UserSession.objects.filter(user=actor, pk__in=[row.pk for row in rows]).delete()
        return None, {"ended": len(rows)}

    change(actor=actor, action="sessions_ended", right="can_see", connection_slug="", act=act)
