"""`manage.py doctor`: says what is wrong with this installation, and how it is mended."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runsdash.sync.doctor.findings import findings


class Command(BaseCommand):
    help = "Say what is misconfigured, unsafe, slow, full or behind, with the mend. Ends with 0 when all is well."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        found = findings(is_whole=True)
        for one in found:
            self.stdout.write(f"{one.area}: {one.sentence} → {one.mend}")
        if found:
            raise CommandError(f"{len(found)} to mend.")
        self.stdout.write("All is well.")
