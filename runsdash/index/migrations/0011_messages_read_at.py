"""Keeps when a thread's newest messages were last read: a run that ended later may lack some."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0010_open_steps_read_again")]

    operations = [
        migrations.AddField(model_name="thread", name="messages_read_at", field=models.DateTimeField(null=True))
    ]
