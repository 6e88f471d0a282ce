"""`manage.py sync`: the worker. It lives here because it also settles what people did with an unclear outcome."""

import logging
import os
import signal
from threading import Event

from django.core.management.base import BaseCommand, CommandParser

from runsdash.actions.settling import settle_recent
from runsdash.sync import job_kinds, jobs  # noqa: F401  job_kinds: registers its kinds
from runsdash.sync.wake import listen
from runsdash.sync.worker import Chore, Worker

SETTLE_EVERY_S = 5.0
ONCE_S = 60.0
JOIN_S = 1.0
log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Keep the index fresh: active runs first, then new runs and threads, and work on jobs. Any number of workers "
        "may run, on any number of machines. --once does one round and exits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="work on all jobs and read everything due, then exit")

    def handle(self, *args: object, once: bool, **options: object) -> None:
        log.debug("kinds of jobs: %s", ", ".join(jobs.KINDS))
        stop, worker = Event(), Worker(chores=[Chore(settle_recent, every_s=SETTLE_EVERY_S), renewal()])
        if once:
            jobs.work_on_all(stop=stop)
            worker.run_until_idle(seconds=ONCE_S)
            return
        jobs_bell = Event()

        def end(*_: object) -> None:
            stop.set()
            worker.bell.set()
            jobs_bell.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        self.say("The worker reads what is due. Ctrl-C stops it.")
        helpers = [listen(worker.bell, jobs_bell, stop=stop), jobs.start_working(jobs_bell, stop=stop)]
        has_landed_all = worker.run(stop)
        for helper in helpers:
            helper.join(JOIN_S)
        self.say("The worker has stopped.")
        if not has_landed_all:
            # The interpreter would wait for requests that hang; their rows are free for other workers already.
            logging.shutdown()
            os._exit(0)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def renewal() -> Chore:
    return Chore(jobs.renew, every_s=jobs.RENEW_EVERY_S)
