from django.apps import AppConfig


class IndexConfig(AppConfig):
    name = "runsdash.index"
