"""Makes one table of sums out of three: by assistant too, with times beside each row.

Rows that are there do not know their assistants, so each of their hours is marked: the worker makes them anew, newest
first, and goes on where it was stopped. Until then the overview says what is not yet counted.
"""

from django.db import migrations, models

MARK = """
INSERT INTO index_dirtyhour (connection_id, hour)
SELECT DISTINCT connection_id, hour FROM index_runsums WHERE hours = 1 AND runs > 0
"""


class Migration(migrations.Migration):
    dependencies = [("index", "0021_changes_seen")]

    operations = [
        migrations.RemoveConstraint("runsums", "run_sums_once"),
        migrations.AddField("runsums", "assistant_id", models.CharField(blank=True, default="", max_length=200)),
        migrations.AddField("runsums", "took", models.BinaryField(default=bytes)),
        migrations.AddField("runsums", "queued", models.BinaryField(default=bytes)),
        migrations.AddConstraint(
            "runsums",
            models.UniqueConstraint(
                fields=("hours", "hour", "connection", "assistant_id", "model", "status", "error_code"),
                name="run_sums_each_once",
            ),
        ),
        migrations.DeleteModel("AssistantSums"),
        migrations.DeleteModel("Histogram"),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
