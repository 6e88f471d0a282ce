"""`manage.py reseal_keys`: seals stored secrets with the SECRET_KEY of today, so that earlier ones can be forgotten."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import models, transaction

from runsdash.accounts.second_factor import reseal_factors
from runsdash.audit.trail import record_done
from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import seal, unseal
from runsdash.notify.models import Rule

SEALED: list[tuple[type[models.Model], str]] = [
    (Connection, "sealed_key"),
    (Connection, "sealed_headers"),
    (Rule, "sealed_secret"),
]


class Command(BaseCommand):
    help = "Seal stored upstream keys and webhook secrets with SECRET_KEY, after SECRET_KEY_FALLBACKS was set."

    def handle(self, *args: Any, **options: Any) -> None:
        lost: list[str] = []
        done = 0
        with transaction.atomic():
            for model, column in SEALED:
                for row in model._default_manager.exclude(**{column: ""}).select_for_update():
                    secret = unseal(getattr(row, column))
                    if secret is None:
                        lost.append(f"{model.__name__.lower()} {row}")
                        continue
                    model._default_manager.filter(pk=row.pk).update(**{column: seal(secret)})
                    done += 1
            factors, lost_factors = reseal_factors()
            done, lost = done + factors, lost + lost_factors
            record_done(action="keys_resealed", actor="manage.py", after={"sealed": done, "unreadable": lost})
        self.stdout.write(f"Sealed {done} secrets with the SECRET_KEY of today.")
        if lost:
            self.stderr.write(
                f"No SECRET_KEY or fallback opens {len(lost)}: {', '.join(lost)}. Enter those keys again."
            )
            raise SystemExit(1)
