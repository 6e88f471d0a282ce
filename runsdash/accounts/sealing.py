"""Derives the keys that seal secrets at rest from SECRET_KEY, and those of earlier ones from SECRET_KEY_FALLBACKS."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def sealer(purpose: str) -> MultiFernet:
    """Returns what seals with the key of today and opens with that of any day. Each purpose has keys of its own."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(urlsafe_b64encode(sha256(f"{purpose}\0{key}".encode()).digest())) for key in keys])


def seal_for(purpose: str, secret: str) -> str:
    """Encrypts `secret`, as text; empty stays empty."""
    return sealer(purpose).encrypt(secret.encode()).decode() if secret else ""


def unseal_for(purpose: str, sealed: str) -> str | None:
    """Decrypts a secret; None when it was sealed under a SECRET_KEY that is neither today's nor a fallback."""
    if not sealed:
        return ""
    try:
        return sealer(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
