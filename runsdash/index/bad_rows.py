"""One bad row never ends a round: the loops that go over rows wrap the work on each of them in this."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError

log = logging.getLogger(__name__)


@contextmanager
def skip_if_bad(kind: str, row_id: object) -> Iterator[None]:
    """Logs what fails inside and goes on. A failing database is no fault of the row: it ends the round, to be repeated."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("%s %r failed and is skipped", kind, row_id)
