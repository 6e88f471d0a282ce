"""Adds accounts, changes their role or password and turns them off, for administrators and on the record."""

from runsdash.accounts.models import User
from runsdash.accounts.second_factor import remove_factors
from runsdash.accounts.sessions import end_sessions
from runsdash.service.json_types import JsonObject

from .audited_change import change

ENDS_SESSIONS = ("role", "is_active")


def save_user(*, actor: User, user: User, password: str = "") -> User:
    """Saves a new or changed account; a password only when one is given. It never reaches the trail."""
    is_new = user.pk is None
    before = None if is_new else picture(User.objects.get(pk=user.pk))
    if password:
        user.set_password(password)

    def act() -> tuple[User, JsonObject]:
        user.save()
        after = picture(user)
        if password or any((before or after)[name] != after[name] for name in ENDS_SESSIONS):
            end_sessions(user)
        return user, after | {"password_set": bool(password)}

    action = "user_added" if is_new else "user_changed"
    return change(actor=actor, action=action, right="can_manage", connection_slug="", act=act, before=before)


def remove_second_factors(*, actor: User, user: User) -> None:
    """Takes the factors of somebody away who has lost them; they sign in anew with the password alone."""

    def act() -> tuple[None, JsonObject]:
        removed = remove_factors(user)
        end_sessions(user)
        return None, {"username": user.username, "removed": removed}

    change(actor=actor, action="second_factors_removed", right="can_manage", connection_slug="", act=act)


def picture(user: User) -> JsonObject:
    return {"username": user.username, "email": user.email, "role": user.role, "is_active": user.is_active}
