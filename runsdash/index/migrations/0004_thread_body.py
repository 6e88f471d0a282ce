"""The text of a thread as received: PostgreSQL's jsonb orders the keys of an object anew.

A new column that may be null is added at once on both engines, however many threads there are. Older rows keep `raw`
until their thread is read again; to copy it would rewrite the table for a text that has lost its order already.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0003_words_apart")]
    operations = [migrations.AddField("thread", "body", models.TextField(null=True))]
