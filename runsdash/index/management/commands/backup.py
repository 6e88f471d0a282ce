"""`manage.py backup FILE`: writes the whole database into a file while it is in use."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runsdash.index.keeping.backup import BackupFailed, write_backup


class Command(BaseCommand):
    help = "Write the whole database into FILE, while dashboard and workers go on. Keep SECRET_KEY with it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a new file")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        target = Path(file).absolute()
        try:
            write_backup(target)
        except BackupFailed as failed:
            raise CommandError(str(failed)) from failed
        self.stdout.write(f"{target.stat().st_size:,} bytes written to {file}. Keep SECRET_KEY with it.")
