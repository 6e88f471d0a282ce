from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "runsdash.accounts"
