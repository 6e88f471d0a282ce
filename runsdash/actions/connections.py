"""Adds, changes and removes connections, on the record. The trail never holds a key."""

from runsdash.accounts.models import TeamConnection, User
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.models import Rule
from runsdash.service.json_types import JsonObject
from runsdash.sync.clients import extra_headers
from runsdash.sync.last_error import forget_lacks

from .audited_change import change

PUBLIC = (
    "name", "base_url", "kind", "api_version", "auth", "organization", "project", "extra_query", "timeout_s",
    "budget_per_min", "is_enabled", "sunset_on",
)  # fmt: skip


UNSAID = ("gone_at", "capabilities", "tested_at")  # what was believed of the server as it was


class InUse(Exception):
    """Says that the connection has threads or runs, which would lose their archive, or belongs to a team or rule."""


def picture(connection: Connection, *, key: str = "") -> JsonObject:
    """Returns what the trail keeps of a connection; `key` says in a word what became of the key."""
    columns = {name: getattr(connection, name) for name in PUBLIC}
    columns["sunset_on"] = connection.sunset_on and connection.sunset_on.isoformat()
    headers = sorted(extra_headers(connection))
    return columns | {"key": key or ("set" if connection.sealed_key else "none"), "headers": headers}


def add_connection(*, actor: User, connection: Connection, api_key: str) -> Connection:
    """Saves a new connection."""

    def act() -> tuple[Connection, JsonObject]:
        connection.sealed_key = seal(api_key)
        connection.save(force_insert=True)
        return connection, picture(connection)

    return change(
        actor=actor, action="add_connection", right="can_manage", connection_slug=connection.slug, act=act
    )  # fmt: skip


def change_connection(*, actor: User, connection: Connection, api_key: str | None) -> Connection:
    """Saves changed columns. `api_key`: None keeps the key there is, empty text removes it."""
    before = picture(Connection.objects.get(pk=connection.pk))

    def act() -> tuple[Connection, JsonObject]:
        if api_key is not None:
            connection.sealed_key = seal(api_key)
        connection.gone_at, connection.capabilities, connection.tested_at = None, {}, None
        connection.save(update_fields=[*PUBLIC, *UNSAID, "sealed_key", "sealed_headers", "changed_at"])
        forget_lacks(connection)
        return connection, picture(connection, key="replaced" if api_key else "")

    return change(
        actor=actor, action="change_connection", right="can_manage", connection_slug=connection.slug,
        before=before, act=act,
    )  # fmt: skip


def name_customer_key(*, actor: User, connection: Connection, key: str) -> None:
    """Keeps which metadata key of its threads names a customer; "" for none."""
    before = {"customer_key": connection.customer_key}

    def act() -> tuple[None, JsonObject]:
        connection.customer_key = key
        connection.save(update_fields=["customer_key", "changed_at"])
        return None, {"customer_key": key}

    change(
        actor=actor, action="name_customer_key", right="can_manage", connection_slug=connection.slug,
        before=before, act=act,
    )  # fmt: skip


def is_in_use(connection: Connection) -> bool:
    return any(model.objects.filter(connection=connection).exists() for model in (Thread, Run, TeamConnection, Rule))


def remove_connection(*, actor: User, connection: Connection) -> None:
    """Deletes a connection that nothing belongs to. Raises InUse otherwise."""
    if is_in_use(connection):
        raise InUse

    def act() -> tuple[None, JsonObject]:
        connection.delete()
        return None, {}

    change(
        actor=actor, action="remove_connection", right="can_manage", connection_slug=connection.slug,
        before=picture(connection), act=act,
    )  # fmt: skip
