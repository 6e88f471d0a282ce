from django.apps import AppConfig
from django.db.backends.signals import connection_created

from runsdash.row_access import install


class AccountsConfig(AppConfig):
    name = "runsdash.accounts"

    def ready(self) -> None:
        connection_created.connect(install, dispatch_uid="row_access")
