"""Says why a control is off: the server was seen not to offer it, in its own words, and what works instead."""

from dataclasses import dataclass
from datetime import datetime

from runsdash.index.models import Connection
from runsdash.service.objects.parsing import moment

INSTEAD = {
    "cancel_run": "The run ends by itself, or expires. Its thread takes a new run then.",
    "modify_run": "Give a run its metadata when it is started.",
    "submit_tool_outputs": "Cancel the run, and run it again with another assistant.",
    "create_thread_and_run": "Start it without: the thread is made first, then its run. Leave the run resources empty.",
    "stream": "Choose the answer when it is complete. The run's page asks for news by itself.",
    "create_thread": "Start the run on a thread that is there.",
    "delete_thread": "An administrator can purge it here.",
}


@dataclass(frozen=True)
class Lack:
    """Holds what a server does not offer, since when that is known, and what to do instead."""

    operation: str
    at: datetime | None
    said: str
    instead: str


def lack(connection: Connection, operation: str) -> Lack | None:
    """Returns why `operation` is not offered; None where it is, or where nobody knows."""
    found = connection.lack_of(operation)
    if found is None:
        return None
    said = f"{found.get('status') or ''} {found.get('message') or ''}".strip()
    return Lack(operation, moment(found.get("at")), said, INSTEAD.get(operation, ""))
