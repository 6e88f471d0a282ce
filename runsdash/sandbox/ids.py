"""Mints ids and reads the clock. Owns no state."""

import random
import secrets
import string
import time

SYSTEM_RANDOM = secrets.SystemRandom()
ALPHABET = string.ascii_letters + string.digits


def mint(*, prefix: str, rng: random.Random = SYSTEM_RANDOM) -> str:
    """Makes a new id such as `run_x7…` with 24 random letters and digits."""
    return prefix + "".join(rng.choices(ALPHABET, k=24))


def now_s() -> int:
    """Returns the time as the API counts it: whole Unix seconds."""
    return int(time.time())
