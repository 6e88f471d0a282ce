"""What tests let another process do with the budget of their connection."""

import os
import time

import django
from django.db import connection as database

from tests.upstream import ROOT


def beside() -> dict[str, str]:
    """The environment of a process that shares this test's database."""
    wanted = database.settings_dict
    if database.vendor == "sqlite":
        url = f"sqlite:///{wanted['NAME']}"
    else:
        url = f"postgres://{wanted['USER']}@{wanted['HOST']}:{wanted['PORT']}/{wanted['NAME']}"
    return os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)}


def only_connection():
    django.setup()
    from runsdash.index.models import Connection

    return Connection.objects.get()


def spend_all(connection, *, seconds: float) -> int:
    """Takes one request after the other for a while; how many there were."""
    from runsdash.sync.budget.process_budget import Budget, Reader
    from runsdash.sync.budget.shared_budget import Purpose

    budget, taken, until = Budget(connection.pk, Reader.WORKER), 0, time.monotonic() + seconds
    while time.monotonic() < until:
        taken += budget.take(connection, 1, purpose=Purpose.OTHER)
        time.sleep(0.002)
    return taken


def print_refused(connection) -> None:
    """How a process that heard nothing itself is held still: its reads, its budget, its writes."""
    from runsdash.service import ServiceError
    from runsdash.sync.budget.process_budget import budget_for
    from runsdash.sync.clients import client_for

    client = client_for(connection)
    try:
        client.list_assistants(limit=1)
    except ServiceError as error:
        print(type(error).__name__)
    print(budget_for(connection).take(connection, 1))
    client.create_thread()
    print("wrote")
