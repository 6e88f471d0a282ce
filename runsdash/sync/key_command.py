"""Runs the command that prints the token of the connection `default`, once for all processes and ahead of its expiry.

The token is kept sealed on the connection's row. It, and whatever else the command prints, is in no page and no log.
"""

import os
import signal
import subprocess
from base64 import urlsafe_b64decode
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock, Thread, Timer
from time import monotonic, sleep
from typing import NamedTuple

from django.conf import settings
from django.db import connections
from django.db.models import Q
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import seal, unseal
from runsdash.service import NoAnswer
from runsdash.service.decoding import strict_json
from runsdash.service.objects.parsing import mapping, moment

COMMAND_S = 10.0
OUTPUT_BYTES_MAX = 64 * 1024
AHEAD = timedelta(minutes=5)  # a token is replaced this long before it ends, while it still works
LEAST_LEFT = timedelta(seconds=10)
LIFE = timedelta(minutes=5)  # of a token that does not say when it ends
LOOK_EVERY_S = 0.1
KEPT_FROM_IT = ("SECRET_KEY", "DATABASE_URL", "EMAIL_URL")  # what the command has no use for
TOKEN_NAMES = ("accessToken", "access_token", "token")
END_NAMES = ("expires_on", "expiresOn", "expires_at", "expirationTimestamp")


class Token(NamedTuple):
    """Holds what the command printed, and until when it is good."""

    text: str
    expires_at: datetime


_held: dict[int, Token] = {}
_lock = Lock()


def current_token(connection_id: int) -> str:
    """Returns a token that is good for a moment yet. Raises NoAnswer when there is none to be had."""
    token = _held.get(connection_id)
    now = timezone.now()
    if token is None or token.expires_at - now < AHEAD:
        token = stored_token(connection_id)
    if token is None or token.expires_at - now < LEAST_LEFT:
        token = awaited_token(connection_id)
    elif token.expires_at - now < AHEAD and take_lease(connection_id):
        Thread(target=renew_quietly, args=(connection_id,), name="runsdash-key", daemon=True).start()
    with _lock:
        _held[connection_id] = token
    return token.text


def stored_token(connection_id: int) -> Token | None:
    columns = Connection.objects.filter(pk=connection_id).values_list("sealed_token", "token_expires_at").first()
    sealed, expires_at = columns or ("", None)
    text = unseal(sealed)
    return Token(text, expires_at) if text and expires_at else None


def awaited_token(connection_id: int) -> Token:
    """Runs the command, or waits for whoever runs it already."""
    until = monotonic() + 2 * COMMAND_S
    while monotonic() < until:
        if take_lease(connection_id):
            return renewed_token(connection_id)
        sleep(LOOK_EVERY_S)
        token = stored_token(connection_id)
        if token is not None and token.expires_at - timezone.now() > LEAST_LEFT:
            return token
    raise NoAnswer("Another process runs RUNSDASH_API_KEY_COMMAND and got no token in time.", sent=False)


def take_lease(connection_id: int) -> bool:
    now = timezone.now()
    is_free = Q(token_lease_until=None) | Q(token_lease_until__lt=now)
    lease_until = now + timedelta(seconds=COMMAND_S + 1)
    return bool(Connection.objects.filter(is_free, pk=connection_id).update(token_lease_until=lease_until))


def renewed_token(connection_id: int) -> Token:
    """Runs the command under the lease, unless somebody did just before the lease was free."""
    row = Connection.objects.filter(pk=connection_id)
    token = stored_token(connection_id)
    if token is not None and token.expires_at - timezone.now() >= AHEAD:
        row.update(token_lease_until=None)
        return token
    try:
        token = token_in(printed_by(settings.RUNSDASH_API_KEY_COMMAND), now=timezone.now())
    except BaseException:
        row.update(token_lease_until=None)
        raise
    row.update(sealed_token=seal(token.text), token_expires_at=token.expires_at, token_lease_until=None)
    return token


def renew_quietly(connection_id: int) -> None:
    """Renews ahead. A failure is no news: the old token works, and the next caller tries again."""
    try:
        with suppress(NoAnswer):
            renewed_token(connection_id)
    finally:
        connections.close_all()  # the thread ends here


def printed_by(command: list[str]) -> str:
    """Returns what a command prints, within COMMAND_S and OUTPUT_BYTES_MAX. Raises NoAnswer."""
    environment = {name: one for name, one in settings.INHERITED_ENVIRONMENT.items() if name not in KEPT_FROM_IT}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise failed(f"could not be started: {error.strerror}") from None
    late: list[bool] = []

    def stop() -> None:
        late.append(True)
        end(process)

    timer = Timer(COMMAND_S, stop)
    timer.start()
    try:
        output = process.stdout.read(OUTPUT_BYTES_MAX + 1) if process.stdout else b""
        if len(output) > OUTPUT_BYTES_MAX:
            end(process)
        status = process.wait()
    finally:
        timer.cancel()
        if process.stdout:
            process.stdout.close()
    if len(output) > OUTPUT_BYTES_MAX:
        raise failed(f"printed more than {OUTPUT_BYTES_MAX} bytes")
    if late:
        raise failed(f"did not end within {COMMAND_S:g} s")
    if status:
        raise failed(f"ended with {status}")
    return output.decode("utf-8", "replace").strip()


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def failed(how: str) -> NoAnswer:
    return NoAnswer(f"There is no token: the command of RUNSDASH_API_KEY_COMMAND {how}.", sent=False)


def token_in(output: str, *, now: datetime) -> Token:
    """Reads a token, or the JSON that holds one, and when it ends. Raises NoAnswer."""
    text, stated = output, None
    if output.startswith("{"):
        with suppress(ValueError, RecursionError):
            given = mapping(strict_json(output))
            text = next((given[name] for name in TOKEN_NAMES if isinstance(given.get(name), str)), "")
            stated = next((found for name in END_NAMES if (found := moment(given.get(name)))), None)
            seconds = given.get("expires_in")
            if stated is None and isinstance(seconds, int | float):
                stated = now + timedelta(seconds=min(max(0, seconds), 86_400))
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise failed("printed no token")
    expires_at = stated or end_of_jwt(text) or now + LIFE
    if expires_at <= now + LEAST_LEFT:
        raise failed("printed a token that has expired")
    return Token(text, expires_at)


def end_of_jwt(text: str) -> datetime | None:
    """Reads when a JSON web token ends; None of any other token. Its signature is the server's business."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    with suppress(ValueError, RecursionError):
        claims = strict_json(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return moment(mapping(claims).get("exp"))
    return None
