"""`manage.py add_token NAME --scope export,ingest`: makes a token for a script and prints it, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runsdash.accounts.models import ApiToken, User
from runsdash.accounts.tokens import DAYS, lacks, new_token, picture
from runsdash.audit.trail import record_done


class Command(BaseCommand):
    help = "Make a token for a script. It is printed once and cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="for people: which script has it")
        parser.add_argument("--scope", required=True, help=f"by commas: {', '.join(ApiToken.Scope.values)}")
        parser.add_argument(
            "--user", help="its owner; it ends when they are turned off. Without one it is the server's"
        )
        parser.add_argument("--days", type=int, default=DAYS, help=f"how long it is good ({DAYS}); 0: for ever")

    def handle(
        self, *args: Any, name: str, scope: str, user: str | None = None, days: int = DAYS, **options: Any
    ) -> None:
        scopes = [one.strip() for one in scope.split(",") if one.strip()]
        if not scopes or not set(scopes) <= set(ApiToken.Scope.values):
            raise CommandError(f"The scopes are {', '.join(ApiToken.Scope.values)}; {scope!r} names something else.")
        if not 0 <= days <= 3650:
            raise CommandError("--days is a number from 0 (for ever) to 3650.")
        if not 0 < len(name) <= 100:
            raise CommandError("A name has 1 to 100 characters.")
        owner = User.named(user) if user else None
        if user and owner is None:
            raise CommandError(f"There is no account {user}.")
        if lack := lacks(owner, scopes):
            raise CommandError(lack)
        if ApiToken.objects.filter(name=name, user=owner).exists():
            raise CommandError(f"There is a token {name} already. Take another name.")
        token, secret = new_token(name=name, scopes=scopes, user=owner, days=days or None)
        with transaction.atomic():
            token.save()
            record_done(action="token_added", actor="manage.py", after=picture(token))
        self.stdout.write(secret)
