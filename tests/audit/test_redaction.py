"""Secrets that were planted in what is recorded, in every form that a rule knows; and what must stay."""

import json

import pytest

from runsdash.audit.models import AuditContent
from runsdash.audit.redaction import REDACTED, redacted
from runsdash.audit.trail import record_intent, record_outcome

SECRET = "Zq7-planted-5ecret-value-0000"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIplanted\n-----END RSA PRIVATE KEY-----"
PLANTED = [
    {"api_key": SECRET}, {"X-Api-Key": SECRET}, {"headers": {"Authorization": f"Bearer {SECRET}"}},
    [{"client_secret": SECRET}], {"a": {"db-password": SECRET}}, {"accessToken": SECRET}, {"Set-Cookie": SECRET},
    f"Authorization: Bearer {SECRET}", f"use the bearer {SECRET}", f"api_key={SECRET}&x=1", f"password: {SECRET}",
    f"https://user:{SECRET}@host/x", f"sk-proj-{SECRET}", f"https://hooks.slack.com/services/T0/B0/{SECRET}", f'curl -H "api-key: {SECRET}"', f"token = '{SECRET}'",
    json.dumps({"output": json.dumps({"password": SECRET})}), f'{{"broken": 1, "password": "{SECRET}"',
]  # fmt: skip
KEPT = [
    {"max_prompt_tokens": 500, "customer_key": "tenant", "password_set": True, "metadata": {"team": "returns"}},
    "The token expired; the customer asked for a new password.", "max_tokens: 500", "run_abc cancelled: wrong customer",
    '{"b": 1,   "a": [1.50, "x"]}', "https://api.example/v1/threads/thread_1/runs/run_1", None, 3, True, [],
]  # fmt: skip


@pytest.mark.parametrize("value", [*PLANTED, JWT, PEM], ids=str)
def test_a_planted_secret_is_taken_out(value: object) -> None:
    clean = json.dumps(redacted(value))
    assert REDACTED in clean
    assert not any(part in clean for part in (SECRET, "planted", "c2lnbmF0dXJl"))


@pytest.mark.parametrize("value", KEPT, ids=str)
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert redacted(value) == value


@pytest.mark.parametrize(
    "part", ["a-", "sk-", "eyJ-", "token=", "token: ", "://a:", "-----BEGIN ", "bearer ", "[", '"']
)
def test_a_hostile_text_takes_no_time_to_speak_of(part: str) -> None:
    """Bounded by the time that the whole file may take: a pattern that backtracks would need hours."""
    redacted(part * (100_000 // len(part)))


@pytest.mark.django_db
def test_the_trail_holds_none() -> None:
    for value in PLANTED:
        sent = {"method": "POST", "url": "/x", "body": json.dumps({"tools": value})}
        intent = record_intent(action="create_run", actor="a", reason=str(value), sent=sent, before={"tools": value})
        record_outcome(intent, result="done", after=value, upstream_message=str(value))
        assert isinstance(intent.sent_body, dict)
    kept = [str(row) for row in AuditContent.objects.values()]
    assert len(kept) == 2 * len(PLANTED)
    assert [row for row in kept if SECRET in row] == []
