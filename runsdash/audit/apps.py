from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "runsdash.audit"
