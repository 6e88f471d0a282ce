"""Names of people are the same in any case and form: for making accounts, signing in, and accounts of old."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from runsdash.accounts.models import User
from runsdash.accounts.names import name_key
from tests.pages import parsed
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
SAME = [
    ("ada", "ADA"),
    ("ada", "ａｄａ"),
    ("straße", "STRASSE"),
    ("Ärzte", "ärzte"),
    ("ﬁona", "FIONA"),
    ("σοφός", "ΣΟΦΌΣ"),
]
NEW = "/users/new/"


@pytest.fixture
def variables(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.INHERITED_ENVIRONMENT = os.environ | {"PASSWORD_OF_ADA": "a long one for tests"}


@pytest.mark.parametrize(("first", "second"), SAME)
def test_no_second_account_has_the_same_name_and_the_first_signs_in_by_both(admin, first, second):
    User.objects.create_user(first, password=PASSWORD, role="viewer")
    response = admin.post(NEW, {"username": second, "role": "viewer", "is_active": "on", "password": PASSWORD})
    assert response.status_code == 422
    assert "There is an account" in parsed(response).one(id="id_username-err").text
    with pytest.raises(IntegrityError):
        User.objects.create_user(second, password=PASSWORD)
    for typed in (first, second):
        signed_in = Client().post("/accounts/login/", {"login": typed, "password": PASSWORD})
        assert (signed_in.status_code, signed_in["Location"]) == (302, "/")


def test_a_name_cannot_be_changed_into_anothers(admin):
    User.objects.create_user("ada", password=PASSWORD)
    bob = User.objects.create_user("bob", password=PASSWORD)
    assert admin.post(f"/users/{bob.pk}/", {"username": "Ada", "role": "", "is_active": "on"}).status_code == 422
    assert admin.post(f"/users/{bob.pk}/", {"username": "BOB", "role": "", "is_active": "on"}).status_code == 302


def test_the_command_changes_the_account_of_that_name(variables, capsys):
    User.objects.create_user("ada", password=PASSWORD)
    call_command("add_user", "Ada", role="operator", password_env="PASSWORD_OF_ADA")
    assert capsys.readouterr().out == "Changed ada, operator.\n"
    assert [(one.username, one.role) for one in User.objects.all()] == [("ada", "operator")]


def test_the_command_refuses_a_name_that_is_too_long_when_written_out(variables):
    with pytest.raises(CommandError, match="longer than 150"):
        call_command("add_user", "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 20, role="viewer",
                     password_env="PASSWORD_OF_ADA")  # fmt: skip


@pytest.mark.parametrize(("first", "second"), SAME)
def test_tries_to_sign_in_are_counted_by_account(db, first, second):
    """However its name is written, each account has the same few tries."""
    User.objects.create_user(first, password=PASSWORD)
    answers = []
    for number in range(12):
        client = Client(REMOTE_ADDR=f"10.1.{len(first)}.{number}")
        typed = {"login": (first, second)[number % 2], "password": "wrong"}
        answers.append("Too many" in client.post("/accounts/login/", typed).content.decode())
    assert answers.index(True) <= 5


# Accounts of old


@pytest.fixture
def before_keys() -> Iterator[type]:
    """The accounts as they were before they had a key; afterwards everything is as it is."""
    executor = MigrationExecutor(connection)
    executor.migrate([("accounts", "0002_cache_table")])
    yield executor.loader.project_state([("accounts", "0002_cache_table")]).apps.get_model("accounts", "User")
    MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


def test_of_twins_the_first_that_is_on_keeps_the_name_and_all_can_sign_in(before_keys, caplog):
    password = make_password(PASSWORD)
    old = [
        before_keys.objects.create(username=name, password=password, role="viewer", is_active=is_active)
        for name, is_active in [("ADA", False), ("ada", True), ("Ada", True), ("bob", True), ("ＢＯＢ", True)]
    ]
    before_keys.objects.create(username=f"Bob-{old[4].pk}", password=password, role="viewer")

    MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())

    names = {one.pk: one.username for one in User.objects.all()}
    off, kept, twin, bob, wide = (names[one.pk] for one in old)
    assert (kept, bob) == ("ada", "bob")
    assert (off, twin) == (f"ADA-{old[0].pk}", f"Ada-{old[2].pk}")
    assert wide == f"ＢＯＢ-{old[4].pk}-{old[4].pk}"
    assert [one.username_key for one in User.objects.all()] == [name_key(one.username) for one in User.objects.all()]
    assert all(names[one.pk] in caplog.text for one in (old[0], old[2], old[4]))
    for name in (kept, twin, bob, wide):
        answer = Client(REMOTE_ADDR="10.2.2.2").post("/accounts/login/", {"login": name, "password": PASSWORD})
        assert answer.status_code == 302, name
