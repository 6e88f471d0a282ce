"""Sessions: their limits, the list of one's own, and what ends them."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from runsdash.accounts.models import User, UserSession
from runsdash.audit.models import AuditEntry
from tests.pages import page_of
from tests.people import HTMX, PASSWORD, signed_in
from tests.queries import at_most

pytestmark = pytest.mark.django_db
PROFILE, END = "/profile/", "/profile/sessions/end/"
FOX = {
    "HTTP_USER_AGENT": "Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    "REMOTE_ADDR": "203.0.113.7",
}


def came_in(role: str = "operator", **headers: str) -> Client:
    """Signs in as people do."""
    name = signed_in(role).user.username
    client = Client(**headers)
    assert client.post("/accounts/login/", {"login": name, "password": PASSWORD}).status_code == 302
    return client


def rows_of(client: Client) -> list:
    return page_of(client.get(PROFILE)).one("section", id="sessions").all("tr", data_session=True)


def is_in(client: Client) -> bool:
    return client.get(PROFILE).status_code == 200


def age(client: Client, **columns: object) -> None:
    assert UserSession.objects.filter(pk=client.session.session_key).update(**columns)


def test_ones_own_sessions_are_listed_and_ended(viewer: Client) -> None:
    UserSession.objects.all().delete()
    phone, desk = came_in(**FOX), came_in()
    UserSession.objects.exclude(pk__in=[phone.session.session_key, desk.session.session_key]).delete()
    texts = {row["data-session"]: row.text for row in rows_of(desk)}
    assert len(texts) == 2
    (mark,) = (mark for mark, text in texts.items() if "Firefox on Android" in text and "203.0.113.7" in text)
    assert phone.session.session_key not in desk.get(PROFILE).content.decode()
    other = came_in("viewer")
    other.post(END, {"session": mark})
    assert is_in(phone), "another's session is nobody else's to end"
    assert desk.post(END, {"session": mark})["Location"] == PROFILE
    assert [is_in(phone), is_in(desk), is_in(other)] == [False, True, True]
    third = came_in()
    desk.post(END)
    assert [is_in(third), is_in(desk)] == [False, True]
    ended = AuditEntry.objects.filter(action="sessions_ended", kind="outcome").order_by("pk")
    assert [one.actor for one in ended] == ["operator", "operator"]
    assert ended[0].after == {"ended": 1}
    assert desk.get(END).status_code == 405


def test_a_session_ends_by_its_limits(settings) -> None:
    settings.SESSION_IDLE_HOURS, settings.SESSION_DAYS = 2, 14
    now = timezone.now()
    idle, old, short = came_in(), came_in(), came_in()
    age(idle, seen_at=now - timedelta(hours=3))
    age(old, made_at=now - timedelta(days=15))
    age(short, seen_at=now - timedelta(hours=1), made_at=now - timedelta(days=13))
    assert [is_in(idle), is_in(old), is_in(short)] == [False, False, True]
    settings.SESSION_IDLE_HOURS = 0
    lasting = came_in()
    age(lasting, seen_at=now - timedelta(days=10))
    assert is_in(lasting)


def test_a_page_that_is_left_open_does_not_keep_a_session_awake() -> None:
    client, before = came_in(), timezone.now() - timedelta(hours=1)
    age(client, seen_at=before)
    client.get("/live/", headers=HTMX)
    assert UserSession.objects.get(pk=client.session.session_key).seen_at == before
    client.get(PROFILE)
    assert UserSession.objects.get(pk=client.session.session_key).seen_at > before


def test_a_new_password_or_role_ends_all_sessions(admin: Client) -> None:
    new = "a quite different secret"
    here, elsewhere = came_in(), came_in()
    key = User.objects.get(username="operator").pk
    here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert [is_in(here), is_in(elsewhere)] == [True, False]
    typed = {"username": "operator", "role": "viewer", "is_active": "on", "password": ""}
    assert admin.post(f"/users/{key}/", typed).status_code == 302
    assert not is_in(here)
    User.objects.get(pk=key).set_password(PASSWORD)
    assert (
        admin.post(
            f"/users/{admin.user.pk}/", {"username": "admin", "role": "admin", "is_active": "on", "password": new}
        ).status_code
        == 302
    )
    assert is_in(admin)
    actions = AuditEntry.objects.filter(kind="outcome").values_list("action", flat=True)
    assert {"sign_in", "password_changed", "user_changed"} <= set(actions)


def test_the_command_ends_sessions_too(settings) -> None:
    client = came_in()
    settings.INHERITED_ENVIRONMENT = {"NEW": "a quite different secret"}
    call_command("add_user", "operator", role="operator", password_env="NEW")
    assert not is_in(client)
    entry = AuditEntry.objects.get(kind="outcome", action="user_changed")
    assert (entry.actor, "a quite" in str(vars(entry))) == ("manage.py", False)


def test_signing_in_and_out_and_failing_to_are_recorded(client: Client) -> None:
    came_in().post("/accounts/logout/")
    client.post("/accounts/login/", {"login": "Operator", "password": "wrong"})
    client.post("/accounts/login/", {"login": "hunter2", "password": "wrong"})
    entries = AuditEntry.objects.exclude(kind="intent").order_by("pk")
    assert [(one.action, one.kind, one.actor) for one in entries] == [
        ("sign_in", "outcome", "operator"),
        ("sign_out", "outcome", "operator"),
        ("sign_in", "refusal", "operator"),
        ("sign_in", "refusal", "(unknown name)"),
    ]


def test_whoever_a_session_belongs_to_is_found_by_one_statement(operator: Client) -> None:
    found = User.objects.get(username="operator")
    with at_most(1):
        by_key = User.objects.get(pk=found.pk)
    assert {**vars(by_key), "_state": None} == {**vars(found), "_state": None}
    with pytest.raises(User.DoesNotExist):
        User.objects.get(pk=0)
    found.delete()
    assert operator.get("/").status_code == 302
