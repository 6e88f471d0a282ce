from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "runsdash.notify"

    def ready(self) -> None:
        from . import purge_hook  # noqa: F401  a purge also deletes the deliveries of a run
