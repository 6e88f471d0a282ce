"""The Huey object: wake-up calls for workers. Imports no room; the record of work is always rows, never tasks."""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from huey import RedisHuey, SqliteHuey
from huey.api import Huey


def huey_for(url: str) -> Huey:
    """The queue that `HUEY_URL` names: `sqlite:///FILE`, `redis://…` or `postgres://…`."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteHuey("runsdash", filename=str(path), results=False)
    if scheme in {"redis", "rediss"}:
        return RedisHuey("runsdash", url=url, results=False)
    if scheme in {"postgres", "postgresql"}:
        from huey import PostgresHuey

        return PostgresHuey("runsdash", dsn=url, results=False)
    raise ValueError(f"HUEY_URL starts with {scheme!r}. It takes sqlite:///FILE, redis://… or postgres://….")


huey = huey_for(settings.HUEY_URL)
