"""The models have new names. Their tables keep the old ones, so nothing happens in the database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bulk", "0001_initial")]

    operations = [
        migrations.AlterModelTable("BulkJob", "bulk_bulkjob"),
        migrations.AlterModelTable("BulkItem", "bulk_bulkitem"),
        migrations.RenameModel("BulkJob", "BatchJob"),
        migrations.RenameModel("BulkItem", "BatchItem"),
    ]
