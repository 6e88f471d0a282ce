"""The Huey object: wake-up calls for workers. Imports no room; the record of work is always rows, never tasks."""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from huey import PostgresHuey, RedisHuey, SqliteHuey
from huey.api import Huey
from redis import ConnectionPool

NAME = "runsdash"
CONNECT_S = 2  # a page that rings waits no longer for a queue that is gone
ANSWER_S = 5  # more than the second for which a worker's blocking read lasts


def huey_for(url: str) -> Huey:
    """The queue that `HUEY_URL` names: `sqlite:///FILE`, `redis://…` or `postgres://…`."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteHuey(NAME, filename=str(path), results=False)
    if scheme in {"redis", "rediss"}:
        pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S)
        return RedisHuey(NAME, connection_pool=pool, results=False)
    if scheme in {"postgres", "postgresql"}:
        dsn = "postgresql" + url.removeprefix(scheme)
        return PostgresHuey(NAME, dsn=dsn, connect_timeout=CONNECT_S, results=False)
    raise ValueError(f"HUEY_URL starts with {scheme!r}. It takes sqlite:///FILE, redis://… or postgres://….")


huey = huey_for(settings.HUEY_URL)
