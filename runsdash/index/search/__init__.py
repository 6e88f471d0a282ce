"""Answers lists of runs from indexes, in bounds, on SQLite and PostgreSQL. See docs/index.md for how and why.

`wanted` reads a filter, `sources` are index ranges, `plan` chooses one, `scans` walks it, `pages` pages.
"""

from .run_pages import SORTS, RunListPage, RunOrder, ids_of, run_list_page
from .scans import Limits

__all__ = ["SORTS", "Limits", "RunListPage", "RunOrder", "ids_of", "run_list_page"]
