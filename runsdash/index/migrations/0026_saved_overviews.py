from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("index", "0025_servers"),
    ]

    operations = [
        migrations.AddField(
            model_name="savedview",
            name="page",
            field=models.CharField(choices=[("runs", "runs"), ("overview", "overview")], default="runs", max_length=8),
        ),
        migrations.AddField(
            model_name="savedview",
            name="rest",
            field=models.CharField(blank=True, max_length=300),
        ),
    ]
