"""Keeps filters that are too long for an address, which then carries a short key. The key is made of the text.

So the same filter has the same address everywhere, and a link that somebody has shared goes on working.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import quote_plus

from .models import KeptFilter

MAX_ADDRESS_CHARS = 2000  # of a filter as an address writes it: proxies take lines of 8 KB, and polls add to it
KEY_BYTES = 15


def is_long(text: str) -> bool:
    return len(quote_plus(text)) > MAX_ADDRESS_CHARS


def key_of(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()[:KEY_BYTES]).decode()


def in_address(text: str) -> dict[str, str]:
    """Returns what says the filter in an address. A long one has to be kept."""
    return {"kept": key_of(text)} if is_long(text) else {"q": text}


def keep_if_long(text: str) -> None:
    if is_long(text):
        KeptFilter.objects.get_or_create(key=key_of(text), defaults={"text": text})


def kept_text(key: str) -> str | None:
    return KeptFilter.objects.filter(key=key).values_list("text", flat=True).first()
