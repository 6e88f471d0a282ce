"""`python -m tests.browser.prepared`: adds a user a role to the database of the environment, prints their sessions.

Runs with the project's own settings, in a process of its own, since the tests' process has the tests' settings.
"""

import json
import sys

import django

NAMES = {"operator": "olga", "viewer": "vito", "admin": "anna"}
PASSWORD = "correct horse battery"


def prepare() -> dict[str, str]:
    """Session keys by role."""
    from django.conf import settings
    from django.test import Client

    from runsdash.accounts.models import User

    sessions = {}
    for role, name in NAMES.items():
        client = Client()
        client.force_login(User.objects.create_user(name, password=PASSWORD, role=role))
        sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return sessions


if __name__ == "__main__":
    django.setup()
    json.dump(prepare(), sys.stdout)
