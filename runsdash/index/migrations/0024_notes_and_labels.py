import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import runsdash.index.models.notes


class Migration(migrations.Migration):
    dependencies = [
        ("index", "0023_purges_overwritten"),
    ]

    operations = [
        migrations.CreateModel(
            name="Label",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                ("given_by", models.CharField(max_length=150)),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="labels",
                        to="index.run",
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="labels",
                        to="index.thread",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "indexes": [
                    models.Index(fields=["thread"], name="index_label_thread__d995a1_idx"),
                    models.Index(
                        condition=models.Q(("run__isnull", False)), fields=["name", "run"], name="label_of_run"
                    ),
                    models.Index(
                        condition=models.Q(("run__isnull", True)), fields=["name", "thread"], name="label_of_thread"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("run__isnull", False)), fields=("run", "name"), name="label_once_a_run"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("run__isnull", True)), fields=("thread", "name"), name="label_once_a_thread"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("note_id", models.CharField(default=runsdash.index.models.notes.new_note_id, max_length=32)),
                ("step_id", models.CharField(blank=True, max_length=200)),
                ("text", models.TextField()),
                ("written_by", models.CharField(max_length=150)),
                ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "run",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="index.run"
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="index.thread"
                    ),
                ),
            ],
            options={
                "ordering": ["written_at", "id"],
                "constraints": [models.UniqueConstraint(fields=("thread", "note_id"), name="note_once_a_thread")],
            },
        ),
        migrations.CreateModel(
            name="NoteWord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("word", models.CharField(max_length=64)),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="note_words",
                        to="index.run",
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="index.thread"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("run__isnull", False)), fields=["word", "run"], name="note_word_of_run"
                    ),
                    models.Index(
                        condition=models.Q(("run__isnull", True)), fields=["word", "thread"], name="note_word_of_thread"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("run__isnull", False)), fields=("run", "word"), name="note_word_once_a_run"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("run__isnull", True)),
                        fields=("thread", "word"),
                        name="note_word_once_a_thread",
                    ),
                ],
            },
        ),
    ]
