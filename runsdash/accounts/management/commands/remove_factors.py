"""`manage.py remove_factors NAME`: takes the second factors of somebody away who has lost them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runsdash.accounts.models import User
from runsdash.accounts.second_factor import remove_factors
from runsdash.accounts.sessions import end_sessions
from runsdash.audit.trail import record_done


class Command(BaseCommand):
    help = "Remove all second factors of a user who has lost them, and end their sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        user = User.named(name)
        if user is None:
            raise CommandError(f"There is no account {name}.")
        with transaction.atomic():
            removed = remove_factors(user)
            end_sessions(user)
            record_done(action="second_factors_removed", actor="manage.py", after={"username": user.username})
        self.stdout.write(f"Removed {removed} factors of {user.username}.")
