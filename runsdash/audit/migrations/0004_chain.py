import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_unchanged_results")]

    operations = [
        migrations.AlterField("auditentry", "at", models.DateTimeField(db_index=True)),
        migrations.AddField("auditentry", "digests", models.JSONField(default=dict)),
        migrations.AddField(
            "auditentry", "previous_hash", models.CharField(blank=True, default="", max_length=64), False
        ),
        migrations.AddField("auditentry", "hash", models.CharField(default="", max_length=64), False),
        migrations.CreateModel(
            name="AuditContent",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="audit.auditentry",
                    ),
                ),
                ("salt", models.CharField(blank=True, max_length=32)),
                ("sent", models.TextField(blank=True)),
                ("before", models.TextField(blank=True)),
                ("after", models.TextField(blank=True)),
                ("reason", models.TextField(blank=True)),
                ("upstream_message", models.TextField(blank=True)),
                ("purged_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
