from django.apps import AppConfig


class BatchConfig(AppConfig):
    name = "runsdash.actions.batch"
    label = "bulk"  # of the tables and migrations there are
