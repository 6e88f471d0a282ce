"""The upstream key of the connection named `default`: it stays in the environment and is never stored."""

from django.conf import settings


def environment_key() -> str:
    return settings.RUNSDASH_API_KEY
