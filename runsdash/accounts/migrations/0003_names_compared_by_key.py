"""Compares names of people by a key without case.

Of accounts whose names are the same then, which kept each other out, the first that is turned on keeps its name. The
others get their number behind it (`Ada-7`), and all that is theirs stays. Each new name is said on stderr.
"""

import logging

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import runsdash.accounts.models
from runsdash.accounts.names import name_key

MAX_CHARS = 150
log = logging.getLogger(__name__)


def fill_keys(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    User = apps.get_model("accounts", "User")
    people = list(User.objects.order_by("-is_active", "pk"))
    taken: set[str] = set()
    twins = []
    for person in people:
        key = name_key(person.username)
        if key in taken or len(key) > MAX_CHARS:
            twins.append(person)
            continue
        taken.add(key)
        User.objects.filter(pk=person.pk).update(username_key=key)
    for person in twins:
        name = free_name(person.username, person.pk, taken)
        log.warning("The account %s is named %s now, since another has the same name.", person.username, name)
        User.objects.filter(pk=person.pk).update(username=name, username_key=name_key(name))


def free_name(name: str, number: int, taken: set[str]) -> str:
    """Returns the name with its number behind it, once more while somebody has that."""
    end = f"-{number}"
    while True:
        start = name
        while len(name_key(start + end)) > MAX_CHARS:
            start = start[:-1]
        if name_key(start + end) not in taken:
            taken.add(name_key(start + end))
            return start + end
        end += f"-{number}"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_cache_table")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="username_key",
            field=runsdash.accounts.models.NameKeyField(editable=False, max_length=MAX_CHARS, null=True),
        ),
        migrations.RunPython(fill_keys, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="user",
            name="username_key",
            field=runsdash.accounts.models.NameKeyField(editable=False, max_length=MAX_CHARS, unique=True),
        ),
    ]
