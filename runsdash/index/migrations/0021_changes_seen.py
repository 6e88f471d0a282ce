from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0020_customer_key")]

    operations = [
        migrations.AddField("run", "reply_digest", models.CharField(blank=True, default="", max_length=32)),
        migrations.AddField("run", "steps_changed_at", models.DateTimeField(null=True)),
        migrations.AddField("thread", "messages_changed_at", models.DateTimeField(null=True)),
    ]
