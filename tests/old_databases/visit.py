"""Reads every row of the migrated database of the environment, verifies its trail and asks for pages, without a server.

`python -m tests.old_databases.visit < ASKED` in a process of its own. ASKED is JSON: a `password`, and lists of
paths to `get` and to `post`, as its admin. Prints the `trail`'s state, and status and text of each of the `answers` by
path. It names nothing of the project but URLs and commands.
"""

import io
import json
import sys
from collections.abc import Iterator

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import Client


def read_rows(model: type[Model]) -> None:
    """Every column of every row, as the code of today understands it."""
    for row in model._default_manager.all().iterator():
        str(row)


def missing_names(model: type[Model]) -> Iterator[str]:
    """Yields indexes and constraints of a model that its table lacks, for example after a changed old migration."""
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, model._meta.db_table)
    wanted = [one.name for one in (*model._meta.indexes, *model._meta.constraints)]
    yield from (f"{model._meta.db_table}: {name}" for name in wanted if name not in there)


def visit(asked: dict) -> dict[str, tuple[int, str]]:
    client = Client()
    signed_in = client.post("/accounts/login/", {"login": "admin", "password": asked["password"]})
    assert signed_in.status_code == 302, "the old password does not sign in"
    answers = [(path, client.get(path)) for path in asked["get"]] + [
        (path, client.post(path)) for path in asked["post"]
    ]
    return {path: (answer.status_code, answer.content.decode()) for path, answer in answers}


if __name__ == "__main__":
    django.setup()
    call_command("migrate", check_unapplied=True, verbosity=0)
    for one in apps.get_models():
        read_rows(one)
    lacking = [name for one in apps.get_models() for name in missing_names(one)]
    assert not lacking, lacking
    trail = io.StringIO()
    call_command("verify_audit", stdout=trail)
    json.dump({"trail": trail.getvalue(), "answers": visit(json.load(sys.stdin))}, sys.stdout)
