"""Starts the embedded upstream alone, as `manage.py sandbox`. The sandbox itself knows no Django."""

from argparse import ArgumentParser
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from runsdash.sandbox.options import add_flags, from_namespace
from runsdash.sandbox.serve import serve


class Command(BaseCommand):
    help = "Serves a scripted Threads/Runs API on 127.0.0.1 with its own SQLite file."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_flags(parser, chat=False)

    def handle(self, **flags: Any) -> None:
        options = replace(
            from_namespace(SimpleNamespace(**flags)),
            chat_url=getattr(settings, "SANDBOX_CHAT_URL", ""),
            chat_key=getattr(settings, "SANDBOX_CHAT_KEY", ""),
            chat_model=getattr(settings, "SANDBOX_CHAT_MODEL", ""),
        )
        serve(options)
