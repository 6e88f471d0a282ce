"""Answers lists of runs and threads from indexes, in bounds, on both engines. See docs/index.md for how and why.

What is done, in order, and what comes of it. run_pages.run_list_page drives all of it but the first.

    run_filter.parsed        RunFilter    clauses, by filter_grammar, filter_names and filter_values, and their subject
    queries.query_of         RunQuery     a KeyRange, and Predicates: SQL and the index ranges where rows are. By
                                          predicates or thread_predicates, with metadata_predicates and
                                          note_predicates for both; names are looked up here
    plan.plan_for            Plan         which of these ranges are read, and what is tested of each row
    plan.positions_of        ScanResult   positions in order, by scans, within a time_budget
    run_pages.page_of_result RunListPage  cursors, and rows by their keys (listed_runs, or a queryset)

Types named after runs serve threads as well. run_query holds what is handed on, sql_pieces the forms of statements
and their aliases: r is the table of the subject, d a range of an index.
A run's key begins with the second of its creation (storage/keys.py): an order by time is one by key, and a span of time
a KeyRange. facets counts a filter's runs by value (value_counts); suggestions completes text that is being typed;
filter_totals adds up a filter's runs, listed_runs reads what their rows show.
"""

from .run_pages import RunListPage, ids_of, run_list_page
from .run_query import SORTS, THREAD_SORTS, RunOrder
from .time_budget import TimeBudget

__all__ = ["SORTS", "THREAD_SORTS", "RunListPage", "RunOrder", "TimeBudget", "ids_of", "run_list_page"]
