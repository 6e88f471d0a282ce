from django.apps import AppConfig


class BatchConfig(AppConfig):
    name = "runsdash.actions.batch"
    label = "bulk"  # of the tables and migrations there are

    def ready(self) -> None:
        from . import exports  # noqa: F401  a purge also deletes the files that a run is in
