"""Mints ids and reads the clock. Owns no state."""

import secrets
import string
import time

ALPHABET = string.ascii_letters + string.digits


def mint(*, prefix: str) -> str:
    """Makes a new id such as `run_x7…` with 24 random letters and digits."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(24))


def now_s() -> int:
    """Returns the time as the API counts it: whole Unix seconds."""
    return int(time.time())
