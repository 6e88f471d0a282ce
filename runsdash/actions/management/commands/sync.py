"""`manage.py sync`: the worker. It lives here because it also settles what people did with an unclear outcome."""

import logging
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import Any, TypeVarTuple

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections, connections

from runsdash.actions.batch.exports import delete_old_exports
from runsdash.actions.batch.working import follow_settled, work_on_batches, work_some
from runsdash.actions.live.output_rows import sweep_live_output
from runsdash.actions.settle.settle_unclear import settle_recent
from runsdash.index.keeping.fill_columns import fill_columns
from runsdash.index.keeping.overwrite import overwrite_words
from runsdash.index.keeping.versions import refuse_newer_database
from runsdash.index.storage.leases import LOOK_EVERY_S
from runsdash.index.storage.measures import WRITE_EVERY_S, write_measures
from runsdash.index.totals.rollups import roll_up
from runsdash.index.totals.zone_days import make_zone_days
from runsdash.notify.conditions import look_at_rules
from runsdash.notify.delivery_loop import deliver_due, deliver_until
from runsdash.sync.gone_servers import LOOK_EVERY_S as GONE_EVERY_S
from runsdash.sync.gone_servers import look_for_gone_servers
from runsdash.sync.jobs import archive_jobs, import_jobs, jobs, thread_jobs  # noqa: F401  they register their kinds
from runsdash.sync.jobs.job_files import delete_left_uploads
from runsdash.sync.parallel_reads import Task
from runsdash.sync.retention import purge_left_overs, purge_old_threads
from runsdash.sync.worker import Chore, Worker

SETTLE_EVERY_S = 5.0
ROLL_UP_EVERY_S = 1.0
ZONE_DAYS_EVERY_S = 5.0
FILL_EVERY_S = 1.0
RETENTION_EVERY_S = 2.0
LEFT_OVERS_EVERY_S = 30.0
RULES_EVERY_S = 1.0
OVERWRITE_EVERY_S = 1.0
SWEEP_EVERY_S = 60.0
FILES_EVERY_S = 600.0
ONCE_S = 60.0
JOIN_S = 1.0
log = logging.getLogger(__name__)
Given = TypeVarTuple("Given")


class Command(BaseCommand):
    help = (
        "Keep the index fresh: active runs first, then new runs and threads, and work on jobs. Any number of workers "
        "may run, on any number of machines. --once does one round and exits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="work on all jobs and read everything due, then exit")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        refuse_newer_database()
        log.debug("kinds of jobs: %s", ", ".join(jobs.KINDS))
        stop = Event()
        if once:
            jobs.work_on_all(stop=stop)
            Worker(chores=chores()).run_until_idle(seconds=ONCE_S)
            deliver_due()
            work_some()
            return
        worker = Worker(chores=[Chore(jobs.renew, every_s=jobs.RENEW_EVERY_S)])

        def end(*_: Any) -> None:
            stop.set()
            worker.bell.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        self.say("The worker reads what is due. Ctrl-C stops it.")
        beside = [
            started("jobs", repeat, partial(jobs.work_on_all, stop=stop), stop),
            started("batches", repeat, partial(work_on_batches, stop), stop),
            started("chores", repeat, partial(tend, chores()), stop),
            started("notify", deliver_until, stop),
        ]
        has_landed_all = worker.run(stop)
        deadline = monotonic() + JOIN_S
        for thread in beside:
            thread.join(max(0.0, deadline - monotonic()))
        self.say("The worker has stopped.")
        if not has_landed_all:
            # The interpreter would wait for requests that hang; their rows are free for other workers already.
            logging.shutdown()
            os._exit(0)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def started(name: str, work: Callable[[*Given], None], *given: *Given) -> Thread:
    """Starts a thread for work that may wait for others (targets, upstreams), so that reading never waits for it."""
    thread = Thread(target=work, args=given, name=f"runsdash-{name}", daemon=True)
    thread.start()
    return thread


def repeat(work: Task, stop: Event) -> None:
    """Does `work` whenever it is time to look, until `stop`."""
    while not stop.wait(LOOK_EVERY_S):
        close_old_connections()
        try:
            work()
        except Exception:
            log.exception("a look of the worker failed")
    connections.close_all()


def tend(chores: Sequence[Chore]) -> None:
    for chore in chores:
        chore.act_if_due()


def chores() -> list[Chore]:
    return [
        Chore(settle_recent, every_s=SETTLE_EVERY_S),
        Chore(follow_settled, every_s=SETTLE_EVERY_S),
        Chore(write_measures, every_s=WRITE_EVERY_S),
        Chore(roll_up, every_s=ROLL_UP_EVERY_S),
        Chore(make_zone_days, every_s=ZONE_DAYS_EVERY_S),
        Chore(fill_columns, every_s=FILL_EVERY_S),
        Chore(look_at_rules, every_s=RULES_EVERY_S),
        Chore(purge_old_threads, every_s=RETENTION_EVERY_S),
        Chore(purge_left_overs, every_s=LEFT_OVERS_EVERY_S),
        Chore(overwrite_words, every_s=OVERWRITE_EVERY_S),
        Chore(sweep_live_output, every_s=SWEEP_EVERY_S),
        Chore(delete_old_exports, every_s=FILES_EVERY_S),
        Chore(delete_left_uploads, every_s=FILES_EVERY_S),
        Chore(look_for_gone_servers, every_s=GONE_EVERY_S),
    ]
