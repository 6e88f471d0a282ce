"""Notices a server that answers 404 to everything: nobody is asked then, and no thread is called gone for it."""

import logging
from datetime import timedelta
from threading import Thread

from django.db import connections as databases
from django.utils import timezone

from runsdash.index.connections import connections
from runsdash.index.models import Connection
from runsdash.service import ServiceError

from .clients import Patience, client_for
from .last_error import keep, note_success
from .try_reads import TRIED_S, is_gone, tried_reads

SILENT_FOR = timedelta(minutes=5)  # without one good answer
LOOK_EVERY_S = 60.0
log = logging.getLogger(__name__)


def look_for_gone_servers() -> None:
    """Looks at each suspect beside the worker's rounds, which go on meanwhile."""
    for connection in connections():
        if is_suspect(connection):
            Thread(target=look_at, args=(connection,), name="runsdash-gone", daemon=True).start()


def is_suspect(connection: Connection) -> bool:
    """Has it not answered well for a while, although nothing says that it cannot be reached?"""
    success, failure = connection.last_success_at, connection.last_failure_at
    if not connection.is_asked or success is None or success > timezone.now() - SILENT_FOR:
        return False
    return failure is None or failure < success


def look_at(connection: Connection) -> None:
    try:
        client = client_for(connection, Patience.WORKER).with_patience(timeout=TRIED_S, max_retries=0)
        found = tried_reads(client, connection)
        if is_gone(found):
            log.warning("%s answers 404 to everything and is not asked any more", connection.slug)
            keep(connection, {"gone_at": timezone.now()})
        elif any(not isinstance(one, ServiceError) for one in found.values()):
            note_success(connection)
    finally:
        databases.close_all()  # the thread ends here
