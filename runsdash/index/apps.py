from django.apps import AppConfig
from django.db.backends.signals import connection_created

from .storage.slow_statements import watch_statements


class IndexConfig(AppConfig):
    name = "runsdash.index"

    def ready(self) -> None:
        connection_created.connect(watch_statements)
