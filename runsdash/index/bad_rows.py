"""Keeps one bad row from ending a round: loops over rows wrap the work on each of them in this."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from runsdash.index.storage.unwritable import TROUBLE

log = logging.getLogger(__name__)


@contextmanager
def skip_if_bad(kind: str, row_id: int | str | Callable[..., Any]) -> Iterator[None]:
    """Logs an error inside and goes on. `row_id` may be the work itself.

    An error of the database is no fault of the row and ends the round.
    """
    try:
        yield
    except TROUBLE:
        raise
    except Exception:
        log.exception("%s %r failed and is skipped", kind, row_id)
