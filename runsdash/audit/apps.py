from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from .triggers import guard_entries


class AuditConfig(AppConfig):
    name = "runsdash.audit"

    def ready(self) -> None:
        post_migrate.connect(keep_guarded, sender=self)


def keep_guarded(*, using: str, **_: Any) -> None:
    """Puts the triggers back that a migration may have dropped."""
    if "audit_auditcontent" in connections[using].introspection.table_names():
        guard_entries(connections[using])
