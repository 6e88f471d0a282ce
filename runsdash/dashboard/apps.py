from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "runsdash.dashboard"
