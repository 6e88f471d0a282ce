"""Tokens of scripts: made on the server or on the profile, good for a scope, ended with their owner."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.utils import timezone

from runsdash.accounts.models import ApiToken, User
from runsdash.accounts.tokens import TokenRefusal, token_of
from runsdash.audit.models import AuditEntry
from tests.pages import page_of
from tests.people import signed_in
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
CSV, ADD = "/runs/export.csv", "/profile/tokens/"


def made(capsys, *words: str) -> str:
    call_command("add_token", *words)
    return capsys.readouterr().out.strip()


def bearing(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def refusal(secret: str | None, scope: str) -> tuple[int, str]:
    headers = {} if secret is None else bearing(secret)
    answer = token_of(RequestFactory().post("/ingest/x/", headers=headers), scope)
    assert isinstance(answer, TokenRefusal)
    return answer.status_code, answer.sentence


def test_a_script_exports_with_a_token_of_the_server(client: Client, capsys) -> None:
    secret = made(capsys, "nightly", "--scope", "export,ingest")
    run = made_run(made_connection())
    answer = client.get(CSV, headers=bearing(secret))
    assert run.upstream_id in answer.getvalue().decode()
    row = ApiToken.objects.get()
    assert row.last_used_at is not None
    assert row.expires_at - timezone.now() > timedelta(days=89)
    assert secret.startswith(row.prefix)
    kept = f"{vars(row)} {list(AuditEntry.objects.values())}"
    assert secret not in kept
    assert [one.action for one in AuditEntry.objects.filter(kind="outcome")] == ["token_added"]


def test_what_is_not_good_enough_is_refused_with_a_sentence(client: Client, capsys) -> None:
    secret = made(capsys, "sends", "--scope", "ingest", "--days", "0")
    assert ApiToken.objects.get().expires_at is None
    answer = client.get(CSV, headers=bearing(secret))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")
    answer = client.get(CSV, headers=bearing("rdt_made-up"))
    assert (answer.status_code, answer["WWW-Authenticate"].split()[0]) == (401, "Bearer")
    assert refusal(None, "ingest")[0] == 401
    ApiToken.objects.update(expires_at=timezone.now())
    assert refusal(secret, "ingest") == (401, refusal(secret, "ingest")[1])
    assert "expired" in refusal(secret, "ingest")[1]


def test_it_ends_with_its_owner_and_their_role(capsys, settings) -> None:
    owner: User = signed_in("operator").user
    secret = made(capsys, "sends", "--scope", "ingest", "--user", "Operator")
    request = RequestFactory().post("/ingest/x/", headers=bearing(secret))
    assert token_of(request, "ingest").user == owner
    settings.RUNSDASH_READ_ONLY = True
    assert refusal(secret, "ingest")[0] == 403
    settings.RUNSDASH_READ_ONLY = False
    User.objects.update(role="viewer")
    assert "needs the role operator" in refusal(secret, "ingest")[1]
    User.objects.update(role="admin", is_active=False)
    assert "turned off" in refusal(secret, "ingest")[1]


@pytest.mark.parametrize(
    "words",
    [["--scope", "all"], ["--scope", ""], ["--scope", "export", "--days", "-1"], ["--scope", "export", "--user", "x"]],
)
def test_the_command_says_what_it_does_not_take(words: list[str], capsys) -> None:
    with pytest.raises(CommandError):
        made(capsys, "nightly", *words)
    assert not ApiToken.objects.exists()


def test_a_bad_filter_is_told_to_a_script(client: Client, capsys) -> None:
    secret = made(capsys, "nightly", "--scope", "export")
    answer = client.get(CSV, {"q": "status:nowhere"}, headers=bearing(secret))
    assert answer.status_code == 422
    assert "nowhere" in answer.json()["error"]["message"]


def test_one_makes_and_revokes_ones_own_on_the_profile(operator: Client) -> None:
    answer = operator.post(ADD, {"name": "laptop", "scopes": ["export", "ingest"], "days": "30"})
    secret = page_of(answer).one("code", id="new-token").text
    assert answer["Cache-Control"] == "no-store"
    page = page_of(operator.get("/profile/"))
    assert not page.all("code", id="new-token")
    row = page.one("tr", data_token=True)
    assert "laptop" in row.text
    assert operator.get("/runs/export.jsonl", headers=bearing(secret)).status_code == 200
    again = page_of(operator.post(ADD, {"name": "laptop", "scopes": ["export"], "days": "7"}), status=422)
    assert again.one("p", id="token_name-err")
    assert again.one("input", id="token_name")["value"] == "laptop"
    operator.post(row.one("form")["action"])
    assert Client().get(CSV, headers=bearing(secret)).status_code == 401
    actions = AuditEntry.objects.filter(kind="outcome").order_by("pk")
    assert [(one.action, one.actor) for one in actions] == [("token_added", "operator"), ("token_revoked", "operator")]


def test_nobody_gets_a_scope_beyond_their_role_or_anothers_token(viewer: Client, admin: Client, capsys) -> None:
    form = page_of(viewer.get("/profile/")).one("form", id="token-form")
    assert [one["value"] for one in form.all("input", name="scopes")] == ["export"]
    assert viewer.post(ADD, {"name": "x", "scopes": ["ingest"], "days": "30"}).status_code == 422
    made(capsys, "nightly", "--scope", "export")
    made(capsys, "operators", "--scope", "export", "--user", signed_in("operator").user.username)
    servers, operators = ApiToken.objects.order_by("pk")
    for token, who, status in ((servers, viewer, 404), (operators, admin, 404), (servers, admin, 302)):
        assert who.post(f"/profile/tokens/{token.pk}/revoke/").status_code == status
    assert viewer.get(ADD).status_code == 405
    assert Client().post(ADD).status_code == 302
