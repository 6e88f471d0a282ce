"""Answers lists of runs from indexes, in bounds, on SQLite and PostgreSQL. See docs/index.md for how and why.

`wanted` reads a filter, `sources` are index ranges, `plan` chooses one, `tracks` walks it, `pages` pages.
"""

from .run_pages import SORTS, Order, RunPage, ids_of, run_page
from .scans import Limits

__all__ = ["SORTS", "Limits", "Order", "RunPage", "ids_of", "run_page"]
