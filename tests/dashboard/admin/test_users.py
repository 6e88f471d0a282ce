"""Accounts, for administrators."""

import pytest
from django.test import Client

from runsdash.accounts.models import User
from runsdash.audit.models import AuditEntry
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "/users/new/"
TYPED = {"username": "ada", "role": "operator", "is_active": "on", "password": "correct horse battery"}


def test_add_change_and_turn_off_on_the_record(admin):
    assert admin.post(NEW, TYPED).status_code == 302
    ada = User.objects.get(username="ada")
    assert (ada.role, ada.check_password(TYPED["password"])) == ("operator", True)
    admin.post(f"/users/{ada.pk}/", {"username": "ada", "role": "viewer", "password": ""})
    ada.refresh_from_db()
    assert (ada.role, ada.is_active, ada.check_password(TYPED["password"])) == ("viewer", False, True)
    entries = AuditEntry.objects.filter(kind="outcome").order_by("id")
    assert [entry.action for entry in entries] == ["user_added", "user_changed"]
    assert TYPED["password"] not in str([entry.after for entry in entries])


def test_who_was_turned_off_is_out(admin):
    admin.post(NEW, TYPED)
    ada = User.objects.get(username="ada")
    theirs = Client()
    theirs.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert theirs.get("/").status_code == 200
    admin.post(f"/users/{ada.pk}/", {"username": "ada", "role": "operator", "password": ""})
    assert theirs.get("/").status_code == 302


def test_the_list(admin):
    assert [row["data-user"] for row in parsed(admin.get("/users/")).all("tr", data_user=True)] == ["admin"]


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("username", "", "username"), ("password", "short", "password"), ("password", "", "password")],
)
def test_bad_input_keeps_what_was_typed(admin, name, value, field):
    response = admin.post(NEW, TYPED | {name: value})
    assert response.status_code == 422
    assert not User.objects.filter(username="ada").exists()
    form = parsed(response).one("form", id="user-form")
    assert form.one(id=f"id_{field}-err").text
    assert form.one(id="id_password")["value"] == ""


def test_nobody_takes_their_own_rights_away(admin):
    response = admin.post(f"/users/{admin.user.pk}/", {"username": "admin", "role": "viewer", "is_active": "on"})
    assert response.status_code == 422
    assert User.objects.get(pk=admin.user.pk).role == "admin"


def test_only_for_admins(operator, client):
    assert operator.get("/users/").status_code == 403
    assert operator.post(NEW, TYPED).status_code == 403
    assert client.get("/users/").status_code == 302


def test_unknown_and_wrong_method(admin):
    assert admin.get("/users/99999/").status_code == 404
    assert admin.post("/users/").status_code == 405
