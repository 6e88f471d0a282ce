"""`manage.py reprice_runs`: estimates costs again, after prices changed."""

from typing import Any

from django.core.management.base import BaseCommand

from runsdash.index.totals.repricing import reprice
from runsdash.index.totals.rollups import roll_up

REPORT_EVERY = 100_000  # runs


class Command(BaseCommand):
    help = "Estimate the cost of every run again, after RUNSDASH_PRICES or the built-in price list changed."

    def handle(self, *args: Any, **options: Any) -> None:
        seen = changed = 0
        for seen, changed in reprice():
            if seen % REPORT_EVERY == 0:
                self.stdout.write(f"{seen:,} runs looked at, {changed:,} costs changed")
                self.stdout.flush()
        while roll_up():
            pass
        self.stdout.write(f"{seen:,} runs looked at, {changed:,} costs changed.")
