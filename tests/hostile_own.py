"""Hostile texts in every field of RunsDash's own rows, and in runs that came by each door: upsert, file, and sent in.

`python -m tests.hostile_own FOLDER` fills the database of the environment, writes `sent.jsonl` into the folder for whoever
sends it in, and prints what to open.
"""

import itertools
import json
import sys
from contextlib import suppress
from pathlib import Path

from tests.hostile_many import MANY

PACK = 48  # texts in one run
# What another field, a page's address or the program itself goes by; all else is text for people.
KEPT = {
    "connection_slug", "database_user", "digest", "email", "event_key", "file_name", "function_name", "hash", "key", "kind",
    "last_seen_version", "lease_token", "list_columns", "owner_token", "password", "prefix", "reader", "role", "run_upstream_id",
    "sealed_customer_key", "sealed_key", "sealed_secret", "session_data", "session_key", "slug", "theme", "time_zone", "token",
    "upstream_id", "username", "base_url", "call_id", "word", "state",
}  # fmt: skip
ROWS = 60  # of one table
OWN_APPS = ("accounts", "index", "notify", "actions", "bulk", "sync")


def packs() -> list[list[str]]:
    return [MANY[start : start + PACK] for start in range(0, len(MANY), PACK)]


def lines_of(name: str, texts: list[str]) -> str:
    """A run with its thread, steps and messages as objects of the API, one a line."""
    from tests.hostile_rows import CREATED, id_of, message_objects, run_object, step_objects

    thread = {"id": id_of("thread", name), "object": "thread", "created_at": int(CREATED.timestamp()), "metadata": {}}
    run = run_object(name, texts, waits=False)
    every = [thread, run, *step_objects(name, texts), *message_objects(name, texts)]
    return "".join(json.dumps(one) + "\n" for one in every)


def spoil() -> int:
    """Puts the texts, one after the other, into every free field of every row; returns how many fields of how many tables."""
    from django.apps import apps
    from django.db import DatabaseError, models, transaction

    from runsdash.index.storage.storable_text import storable

    texts, fields = itertools.cycle(MANY), 0
    for model in apps.get_models():
        if model._meta.app_label not in OWN_APPS:
            continue
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, models.CharField | models.TextField) and not isinstance(field, models.JSONField)
            if not is_text or field.choices or field.primary_key or field.name in KEPT:
                continue
            fields += 1
            for key in list(model._default_manager.values_list("pk", flat=True)[:ROWS]):
                text = storable(next(texts))[: field.max_length]
                with suppress(DatabaseError), transaction.atomic():  # a name that is there already
                    model._default_manager.filter(pk=key).update(**{field.name: text})
    return fields


def spoil_json() -> None:
    from runsdash.index.models import Job
    from runsdash.notify.models import Delivery

    Job.objects.update(progress={"done": 1, "total": 2, "note": MANY[0]}, error=MANY[1])
    Delivery.objects.update(body={"event": "failure", "sentence": MANY[2], "path": MANY[3]}, answer=MANY[4])


def fill(folder: Path) -> dict[str, object]:
    from django.core.management import call_command

    from runsdash.accounts.tokens import new_token
    from runsdash.index.models import Connection
    from tests.hostile_rows import hostile_run, id_of
    from tests.old_databases.seed import seed

    with suppress(SystemExit):  # tables of a day that it does not know yet
        seed()
    archive, prod = (Connection.objects.get(slug=slug) for slug in ("archive", "prod"))
    Connection.objects.filter(pk=prod.pk).update(is_enabled=False)
    Connection.objects.create(slug="sent", name="sent", base_url="", is_enabled=False)
    runs = []
    for number, texts in enumerate(packs()):
        name = f"m{number}"
        if number % 3 == 0:
            hostile_run(archive, name, texts, waits=number % 2 == 0)
        elif number % 3 == 1:
            (folder / "past.jsonl").write_text(lines_of(name, texts))
            call_command("import_runs", str(folder / "past.jsonl"), connection="archive", verbosity=0)
        else:
            with (folder / "sent.jsonl").open("a") as file:
                file.write(lines_of(name, texts))
        runs.append({"id": id_of("run", name), "thread_id": id_of("thread", name), "waits": number % 6 == 0})
    fields = spoil()
    spoil_json()
    token, secret = new_token(name=MANY[5][:80], scopes=["ingest"], user=None, days=None)
    token.save()
    return {"runs": runs, "secret": secret, "fields": fields, "ids": ids()}


def ids() -> dict[str, str]:
    """What stands for the names in an address, each of a row that is there."""
    from django.apps import apps

    def first(label: str) -> str:
        return str(apps.get_model(label).objects.order_by("pk").values_list("pk", flat=True)[0])

    return {
        "/audit/": first("audit.AuditEntry"), "/bulk/": first("bulk.BatchJob"), "/notifications/": first("notify.Rule"),
        "/users/": first("accounts.User"), "slug": "archive", "name": "get_stock", "assistant_id": "asst_hostilem0",
        "message_id": "msg_hostilem0x0", "thread_id": "thread_hostilem0", "run_id": "run_hostilem0",
    }  # fmt: skip


if __name__ == "__main__":
    import django

    django.setup()
    told = sys.stdout
    sys.stdout = sys.stderr  # the import prints what it does
    made = fill(Path(sys.argv[1]))
    json.dump(made, told)
