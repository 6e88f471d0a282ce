"""Counts places for people who watch a stream: each holds a thread of the server for as long as it watches.

Counted per process. Whoever finds no place is shown the same text by the page's poll.
"""

from threading import Lock

from django.conf import settings

_lock = Lock()
_taken = 0


class ViewerPlace:
    """Holds one taken place; `free` gives it back, once."""

    def __init__(self) -> None:
        self._is_taken = True

    def free(self) -> None:
        global _taken
        with _lock:
            if self._is_taken:
                self._is_taken = False
                _taken -= 1


def take_place() -> ViewerPlace | None:
    """Returns a place, or None when all are taken."""
    global _taken
    with _lock:
        if _taken >= settings.STREAM_VIEWERS_MAX:
            return None
        _taken += 1
        return ViewerPlace()


def has_place() -> bool:
    return _taken < settings.STREAM_VIEWERS_MAX
