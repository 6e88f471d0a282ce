import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0030_measures"), ("notify", "0004_rules_that_watch")]

    operations = [
        migrations.AddField(
            "rule",
            "connection",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="index.connection",
            ),
        ),
    ]
