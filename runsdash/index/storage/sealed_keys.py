"""Keeps upstream keys encrypted at rest, with a key derived from SECRET_KEY."""

from runsdash.accounts.sealing import seal_for, unseal_for

PURPOSE = "runsdash upstream keys"


def seal(secret: str) -> str:
    """Encrypts `secret`, as text; empty stays empty."""
    return seal_for(PURPOSE, secret)


def unseal(sealed: str) -> str | None:
    """Decrypts a secret; None when it was sealed under a SECRET_KEY that is neither today's nor a fallback."""
    return unseal_for(PURPOSE, sealed)
