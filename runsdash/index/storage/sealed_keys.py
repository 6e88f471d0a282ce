"""Keeps upstream keys encrypted at rest, with a key derived from SECRET_KEY."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def _fernet() -> Fernet:
    return Fernet(urlsafe_b64encode(sha256(b"runsdash upstream keys\0" + settings.SECRET_KEY.encode()).digest()))


def seal(secret: str) -> str:
    """Encrypts `secret`, as text; empty stays empty."""
    return _fernet().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str | None:
    """Decrypts a secret; None when it was sealed under another SECRET_KEY."""
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
