"""Parses what the address of the thread list asks for. Runs no query."""

from django.http import QueryDict

from runsdash.dashboard.runs.query import ListAddress, list_address
from runsdash.index.search import THREAD_SORTS
from runsdash.index.search.subjects import THREADS

BY_RUN, BY_ADDITION = "-last_run_at", "-added_at"


def thread_list_address(query: QueryDict) -> ListAddress:
    return list_address(query, THREADS, sorts=THREAD_SORTS, usual_sort=BY_RUN)
