"""Chooses the connection that an import goes into."""

from runsdash.index.connections import DEFAULT_SLUG, connections
from runsdash.index.models import Connection

IMPORTED_SLUG = "imported"


class NoTarget(ValueError):
    """Says that it is not clear where to put the objects. The message is a sentence."""


def target(slug: str | None) -> Connection:
    """Returns the connection `slug`; else `default`, or the only one there is, or a new archive. Raises NoTarget."""
    known = {connection.slug: connection for connection in connections()}
    names = ", ".join(known) or "none yet"
    if slug:
        if slug not in known:
            raise NoTarget(f"There is no connection “{slug}”. There are: {names}.")
        return known[slug]
    if DEFAULT_SLUG in known:
        return known[DEFAULT_SLUG]
    if len(known) > 1:
        raise NoTarget(f"There are several connections: {names}. Choose one with --connection.")
    return next(iter(known.values()), None) or archive()


def archive() -> Connection:
    """Makes a connection that is only read from: nobody is asked for what it holds."""
    columns = {"name": "Imported", "base_url": "", "is_enabled": False}
    return Connection.objects.get_or_create(slug=IMPORTED_SLUG, defaults=columns)[0]
