"""Lists assistants for the forms that start a run: from the upstream, or as last known."""

from django.utils import timezone

from runsdash.index.models import Assistant, Connection
from runsdash.service.objects import Page
from runsdash.sync.budget.process_budget import budget_for

from .clients import client_for
from .parallel_reads import Reads, store_later
from .store_answers import store_assistants

FORM_WAIT_S = 1.0
FORM_AGE_S = 15.0
SHOWN = 200


def fresh_assistants(connection: Connection) -> list[Assistant]:
    """Returns a connection's assistants, newest first. Waits FORM_WAIT_S for a newer list; errors leave the old one."""
    listed_at = connection.assistants_listed_at
    is_old = listed_at is None or (timezone.now() - listed_at).total_seconds() > FORM_AGE_S
    if connection.is_asked and is_old and budget_for(connection).take(connection, 1):
        reads = Reads({"assistants": client_for(connection).background.list_assistants(limit=100)})
        if reads.wait(FORM_WAIT_S):
            store_list(connection, reads)
        else:
            store_later(reads, lambda: store_list(connection, reads))
    return list(Assistant.objects.filter(connection=connection).order_by("-created_at", "upstream_id")[:SHOWN])


def store_list(connection: Connection, reads: Reads) -> None:
    if isinstance(reads.answer("assistants"), Page):
        store_assistants(connection, reads)
        Connection.objects.filter(pk=connection.pk).update(assistants_listed_at=reads.sent_at)
