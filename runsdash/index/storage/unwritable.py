"""Tells from an error that nothing can be written now: the disk is full, or the database takes no writes or is away."""

import errno

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

# The database is in trouble, not what was written. PostgreSQL's "read-only transaction" is an InternalError.
TROUBLE = (OperationalError, InterfaceError, InternalError)
FULL = "The disk is full."
READ_ONLY = "The database takes no writes at the moment."
NO_FILES = "RunsDash may not write its files at the moment."
AWAY = "The database does not answer."
BUSY = "The database is busy with another write."
OF_FILES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL)
OF_FILES |= dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), NO_FILES)
# How SQLite's names of errors begin.
OF_SQLITE = {
    "SQLITE_FULL": FULL, "SQLITE_IOERR": FULL, "SQLITE_READONLY": READ_ONLY, "SQLITE_CANTOPEN": READ_ONLY,
    "SQLITE_BUSY": BUSY, "SQLITE_LOCKED": BUSY,
}  # fmt: skip
OF_POSTGRESQL = {"53100": FULL, "25006": READ_ONLY}
AWAY_CLASSES = ("08", "57P")  # of SQLSTATE: connections, and a server that stops or starts
BUSY_CLASSES = ("40", "53", "55P03")


class NotRecorded(OperationalError):
    """Says that a write may have been sent, and that what came of it could not be written down."""


def why_unwritable(error: BaseException | None) -> str:
    """Returns a sentence; empty when it is another kind of error."""
    if isinstance(error, DatabaseError | InterfaceError):
        return why_of_database(error)
    # What a socket says has the same numbers; a file is named.
    is_of_file = isinstance(error, OSError) and (OF_FILES.get(error.errno or 0) == FULL or error.filename)
    return OF_FILES.get(error.errno or 0, "") if is_of_file and isinstance(error, OSError) else ""


def why_of_database(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(cause, DatabaseError | InterfaceError):
        return why_of_database(cause)
    name, state = getattr(cause, "sqlite_errorname", ""), getattr(cause, "sqlstate", None) or ""
    for begin, sentence in OF_SQLITE.items():
        if name.startswith(begin):
            return sentence
    if state in OF_POSTGRESQL:
        return OF_POSTGRESQL[state]
    if state.startswith(BUSY_CLASSES):
        return BUSY
    is_away = isinstance(error, InterfaceError) or (isinstance(error, OperationalError) and not name and not state)
    return AWAY if is_away or state.startswith(AWAY_CLASSES) else ""
