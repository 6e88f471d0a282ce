"""The command that prints a token: run once for all, ahead of its end, and heard by nobody else."""

import base64
import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.service import NoAnswer
from runsdash.sync import key_command
from runsdash.sync.clients import client_for
from runsdash.sync.key_command import current_token, printed_by, token_in
from tests.rows import made_connection
from tests.upstream import Sandbox

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.fixture
def runs(tmp_path: Path, settings) -> Path:
    """A command that prints a token with its number, and the file that counts how often it was run."""
    counted = tmp_path / "runs"
    counted.write_text("")
    code = (
        "import json, sys, time, pathlib; f = pathlib.Path(sys.argv[1]); f.open('a').write('x'); time.sleep(0.2);"
        "print(json.dumps({'accessToken': 'tok-' + str(len(f.read_text())), 'expires_in': float(sys.argv[2])}))"
    )
    settings.RUNSDASH_API_KEY_COMMAND = [sys.executable, "-c", code, str(counted), "3600"]
    settings.RUNSDASH_API_KEY = ""
    key_command._held.clear()
    return counted


def jwt(**claims: object) -> str:
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims, "s")
    )


@pytest.mark.parametrize(
    ("output", "token", "lasts_s"),
    [
        ("opaque", "opaque", 300),
        (jwt(exp=NOW.timestamp() + 900), jwt(exp=NOW.timestamp() + 900), 900),
        ('{"accessToken": "a", "expires_on": 1796040900}', "a", 900),
        ('{"access_token": "a", "expires_in": 60}', "a", 60),
        ('{"token": "a", "expiresOn": "2026-11-30T12:10:00Z"}', "a", 600),
    ],
)
def test_a_token_and_its_end_are_read(output, token, lasts_s):
    found = token_in(output, now=NOW)
    assert (found.text, found.expires_at) == (token, NOW + timedelta(seconds=lasts_s))


@pytest.mark.parametrize(
    "output", ["", "ERROR: please log in", "{}", '{"token": 7}', '{"token": "a", "expires_in": 1}']
)
def test_what_is_no_token_is_not_repeated(output):
    with pytest.raises(NoAnswer) as refused:
        token_in(output, now=NOW)
    assert "RUNSDASH_API_KEY_COMMAND printed" in refused.value.message
    assert not output or output not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(60)", "did not end within"),
        ("while True: print('x' * 1000)", "printed more than"),
        ("import sys; print('secret'); sys.exit(3)", "ended with 3"),
    ],
)
def test_a_command_that_fails_is_a_sentence(code, words, monkeypatch):
    monkeypatch.setattr(key_command, "COMMAND_S", 0.4)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=words) as refused:
        printed_by([sys.executable, "-c", code])
    assert time.monotonic() - began < 10
    assert "secret" not in str(refused.value)
    with pytest.raises(NoAnswer, match="could not be started"):
        printed_by(["/nowhere/at/all"])


@pytest.mark.django_db(transaction=True)
def test_one_of_many_runs_it_for_all(runs):
    row = made_connection("default", is_from_environment=True)
    got: list[str] = []

    def ask() -> None:
        got.append(current_token(row.pk))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["tok-1"] * 6
    assert runs.read_text() == "x"
    row.refresh_from_db()
    assert "tok-1" not in row.sealed_token
    key_command._held.clear()  # another process
    assert current_token(row.pk) == "tok-1"


@pytest.mark.django_db(transaction=True)
def test_it_is_run_again_before_the_token_ends(runs):
    row = made_connection("default", is_from_environment=True)
    assert current_token(row.pk) == "tok-1"
    Connection.objects.update(token_expires_at=timezone.now() + timedelta(minutes=2))
    key_command._held.clear()
    assert current_token(row.pk) == "tok-1"  # it still works
    deadline = time.monotonic() + 10
    while current_token(row.pk) != "tok-2" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert current_token(row.pk) == "tok-2"


@pytest.mark.django_db
def test_a_client_sends_what_it_printed(settings, db):
    key_command._held.clear()
    with Sandbox(api_key="from-a-command") as upstream:
        settings.RUNSDASH_API_KEY_COMMAND = [sys.executable, "-c", "print('from-a-command')"]
        row = made_connection("default", is_from_environment=True, base_url=upstream.base_url)
        assert client_for(row).list_assistants(limit=1).data
