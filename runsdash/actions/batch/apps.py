from django.apps import AppConfig


class BulkConfig(AppConfig):
    name = "runsdash.actions.batch"
    label = "bulk"
