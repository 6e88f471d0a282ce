"""Adds accounts, changes their role or password and turns them off, for administrators and on the record."""

from runsdash.accounts.models import User
from runsdash.accounts.sessions import end_sessions

from .audited_change import change

ENDS_SESSIONS = ("role", "is_active")


def save_user(*, actor: User, user: User, password: str = "") -> User:
    """Saves a new or changed account; a password only when one is given. It never reaches the trail."""
    is_new = user.pk is None
    before = None if is_new else picture(User.objects.get(pk=user.pk))
    if password:
        user.set_password(password)

    def act() -> tuple[User, dict[str, object]]:
        user.save()
        after = picture(user)
        if password or any((before or after)[name] != after[name] for name in ENDS_SESSIONS):
            end_sessions(user)
        return user, after | {"password_set": bool(password)}

    action = "user_added" if is_new else "user_changed"
    return change(actor=actor, action=action, right="can_manage", connection_slug="", act=act, before=before)


def picture(user: User) -> dict[str, object]:
    return {"username": user.username, "email": user.email, "role": user.role, "is_active": user.is_active}
