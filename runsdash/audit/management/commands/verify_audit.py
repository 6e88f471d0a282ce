"""Checks the chain of the audit trail: prints its head, or names the first break."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from runsdash.audit.chain import check_chain
from runsdash.audit.triggers import are_guarded


class Command(BaseCommand):
    help = "Checks that no entry of the audit trail was changed or removed, and prints the last one's hash."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contains", default="", metavar="HASH", help="a hash that was printed earlier")

    def handle(self, *args: Any, contains: str, **options: Any) -> None:
        checked = check_chain(until=contains)
        if checked.broken:
            raise CommandError(checked.broken)
        if not are_guarded(connection):
            raise CommandError("The triggers that keep entries are missing. Run `manage.py migrate`.")
        purged = f"; the content of {checked.purged:,} was purged" if checked.purged else ""
        self.stdout.write(f"{checked.entries:,} entries, unbroken{purged}.")
        self.stdout.write(f"Head: {checked.number} {checked.head}".rstrip())
