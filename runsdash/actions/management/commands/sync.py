"""`manage.py sync`: the worker. It lives here because it also settles what people did with an unclear outcome."""

import signal
from threading import Event

from django.core.management.base import BaseCommand, CommandParser

from runsdash.actions.settling import settle_recent
from runsdash.sync.worker import Chore, Worker

SETTLE_EVERY_S = 5.0


class Command(BaseCommand):
    help = "Keep the index fresh: active runs first, then new runs and threads. --once does one round and exits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="read everything that is due, then exit")

    def handle(self, *args: object, once: bool, **options: object) -> None:
        worker = Worker(chores=[Chore(settle_recent, every_s=SETTLE_EVERY_S)])
        if once:
            worker.round()
            worker.land_all()
            return
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("The worker reads what is due. Ctrl-C stops it.")
        self.stdout.flush()
        worker.run(stop)
