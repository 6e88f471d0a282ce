"""Parses what the address of the thread list asks for. Runs no query."""

from django.http import QueryDict

from runsdash.dashboard.runs.query import RunListQuery, list_query
from runsdash.index.search import THREAD_SORTS
from runsdash.index.search.subjects import THREADS

BY_RUN, BY_ADDITION = "-last_run_at", "-added_at"


def thread_list_query(query: QueryDict) -> RunListQuery:
    return list_query(query, THREADS, sorts=THREAD_SORTS, usual_sort=BY_RUN)
