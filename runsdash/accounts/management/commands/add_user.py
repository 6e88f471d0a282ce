"""`manage.py add_user NAME --role ROLE`: makes an account, or changes the role and password of one."""

from getpass import getpass
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runsdash.accounts.models import User
from runsdash.accounts.roles import Role
from runsdash.accounts.sessions import end_sessions
from runsdash.audit.trail import record_done
from runsdash.service.json_types import JsonFields


class Command(BaseCommand):
    help = "Add a user, or give an existing one a new role and password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role if role.value])
        parser.add_argument("--password-env", metavar="VAR", help="read the password from this variable")

    def handle(self, *args: Any, name: str, role: str, password_env: str | None, **options: Any) -> None:
        password = self.password_from(password_env) if password_env else self.password_asked()
        user = User.named(name) or User(username=name)
        try:
            user.clean_fields(exclude=["password"])
            user.clean()
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        made = user.pk is None
        before = None if made else {"username": user.username, "role": user.role}
        user.role = role
        user.set_password(password)
        with transaction.atomic():
            user.save()
            end_sessions(user)
            after: JsonFields = {"username": user.username, "role": role, "password_set": True}
            record_done(action="user_added" if made else "user_changed", actor="manage.py", before=before, after=after)
        self.stdout.write(f"{'Added' if made else 'Changed'} {user.username}, {role}.")

    def password_from(self, variable: str) -> str:
        password = settings.INHERITED_ENVIRONMENT.get(variable, "")
        if not password:
            raise CommandError(f"The variable {variable} is empty or not set.")
        return password

    def password_asked(self) -> str:
        password = getpass("Password: ")
        if password != getpass("Again: "):
            raise CommandError("The two passwords differ.")
        return password
