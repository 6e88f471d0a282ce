from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0005_claims")]

    operations = [migrations.AddField("livepiece", "opens", models.BooleanField(default=False))]
