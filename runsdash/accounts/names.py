"""Says when two names of people are the same. Owns the rule; knows no rows."""

from unicodedata import normalize


def name_key(name: str) -> str:
    """Returns what a name is compared by: without regard to case and to compatible forms of characters."""
    return normalize("NFKC", normalize("NFKC", name).casefold())
