"""Adds what lists show of a conversation. Rows that are there get null, which the worker fills in portions."""

from django.db import migrations, models

EXCERPTS = (("run", "question"), ("run", "reply"), ("thread", "first_question"), ("thread", "last_reply"))


def text(model: str, max_length: int = 200, **default: str) -> models.Field:
    return models.CharField(max_length=max_length, null=True, blank=model == "thread", **default)


class Migration(migrations.Migration):
    dependencies = [("index", "0017_thread_metadata")]

    operations = [
        *(migrations.AddField(model, name, text(model)) for model, name in EXCERPTS),
        migrations.AddField("thread", "last_run_status", text("thread", 40)),
        migrations.AddField("thread", "last_run_id", models.BigIntegerField(null=True)),
        migrations.AddField("thread", "active_runs", models.IntegerField(null=True)),
        # The defaults are the program's alone, so that old rows have none and SQLite rebuilds no table.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                *(migrations.AlterField(model, name, text(model, default="")) for model, name in EXCERPTS),
                migrations.AlterField("thread", "last_run_status", text("thread", 40, default="")),
                migrations.AlterField("thread", "active_runs", models.IntegerField(default=0, null=True)),
            ]
        ),
        migrations.AddIndex(
            "run",
            models.Index(fields=["thread", "id"], name="run_unfilled", condition=models.Q(("question__isnull", True))),
        ),
        migrations.AddIndex("thread", models.Index(fields=["created_at", "id"], name="index_threa_created_35de0f_idx")),
        migrations.AddIndex(
            "thread",
            models.Index(fields=["id"], name="thread_unfilled", condition=models.Q(("active_runs__isnull", True))),
        ),
    ]
