"""Lists the upstreams. The one named `default` follows the environment."""

from django.conf import settings

from .models import Connection

DEFAULT_SLUG = "default"


def environment_columns() -> dict[str, object]:
    return {
        "name": DEFAULT_SLUG,
        "base_url": settings.RUNSDASH_API_BASE_URL,
        "kind": settings.RUNSDASH_API_KIND,
        "api_version": settings.RUNSDASH_API_VERSION,
        "timeout_s": settings.RUNSDASH_API_TIMEOUT_S,
        "budget_per_min": settings.RUNSDASH_API_BUDGET_PER_MIN,
        "is_from_environment": True,
        "is_enabled": bool(settings.RUNSDASH_API_BASE_URL),
    }


def connections() -> list[Connection]:
    """Lists every connection, `default` first. Writes only when the environment has changed since the last look."""
    found = {connection.slug: connection for connection in Connection.objects.all()}
    wanted = environment_columns()
    default = found.get(DEFAULT_SLUG)
    if default is None and wanted["base_url"]:
        found[DEFAULT_SLUG] = Connection.objects.update_or_create(slug=DEFAULT_SLUG, defaults=wanted)[0]
    elif default is not None and default.is_from_environment:
        follow_environment(default, wanted)
    return sorted(found.values(), key=lambda one: (one.slug != DEFAULT_SLUG, one.slug))


def follow_environment(default: Connection, wanted: dict[str, object]) -> None:
    """Updates `default`. Without a base URL the row stays, so that its archive still renders, but it is off."""
    if not wanted["base_url"]:
        wanted = {"is_enabled": False}
    changed = [name for name, value in wanted.items() if getattr(default, name) != value]
    for name in changed:
        setattr(default, name, wanted[name])
    if changed:
        default.save(update_fields=[*changed, "changed_at"])
