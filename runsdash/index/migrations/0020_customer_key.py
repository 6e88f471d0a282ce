"""A connection says which metadata key of its threads names a customer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0019_thread_search")]

    operations = [
        migrations.AddField("connection", "customer_key", models.CharField(blank=True, default="", max_length=64)),
    ]
