"""Lets a status change itself say whether it is still to be told, instead of a number up to which all was told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0011_messages_read_at")]

    operations = [
        migrations.AddField(model_name="statusseen", name="is_to_tell", field=models.BooleanField(null=True)),
        migrations.AddIndex(
            model_name="statusseen",
            index=models.Index(fields=["id"], name="status_to_tell", condition=models.Q(("is_to_tell", True))),
        ),
    ]
