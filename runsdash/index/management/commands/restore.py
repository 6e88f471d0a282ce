"""`manage.py restore FILE`: puts a backup in the place of the database, and migrates it."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from runsdash.index.keeping.backup import BackupFailed, restore_backup
from runsdash.index.models import Run


class Command(BaseCommand):
    help = "Put a backup in the place of the database and migrate it. Stop dashboard and workers first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="what `manage.py backup` wrote, on the same engine")
        parser.add_argument("--replace", action="store_true", help="give up what the database holds")

    def handle(self, *args: Any, file: str, replace: bool, **options: Any) -> None:
        try:
            restore_backup(Path(file).absolute(), replace=replace)
        except BackupFailed as failed:
            raise CommandError(str(failed)) from failed
        call_command("migrate", verbosity=0)
        self.stdout.write(f"{Run.objects.count():,} runs are back. `manage.py doctor` says what else is missing.")
