"""Moves the content of every entry into its own table, and chains the entries in their order."""

import secrets

from django.db import migrations

from runsdash.audit.chain import CONTENT, content_texts, digests_of, hash_of

AT_ONCE = 500


def move(apps, schema_editor):
    Entry, Content = apps.get_model("audit", "AuditEntry"), apps.get_model("audit", "AuditContent")
    last, previous = 0, ""
    while entries := list(Entry.objects.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        contents = []
        for entry in entries:
            texts = content_texts({name: getattr(entry, name) for name in CONTENT})
            salt = secrets.token_hex(16)
            entry.digests, entry.previous_hash = digests_of(texts, salt), previous
            entry.hash = previous = hash_of(vars(entry), previous)
            if texts:
                contents.append(Content(entry=entry, salt=salt, **texts))
        Content.objects.bulk_create(contents)
        Entry.objects.bulk_update(entries, ["digests", "previous_hash", "hash"], batch_size=100)
        last = entries[-1].pk


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_chain")]

    operations = [migrations.RunPython(move)]
