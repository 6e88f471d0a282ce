from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_content_apart")]

    operations = [
        migrations.AddIndex(
            "auditentry", models.Index(fields=["connection_slug", "id"], name="audit_audit_connect_8eee33_idx")
        ),
    ]
