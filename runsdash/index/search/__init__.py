"""Answers lists of runs and threads from indexes, in bounds, on both engines. See docs/index.md for how and why.

text           run_filter.parsed reads it, by filter_grammar, filter_names and filter_values
  → RunFilter  by its subject, predicates or thread_predicates say what it means, and by index_ranges where its rows are
  → RunQuery   plan.plan_for chooses among its index ranges
  → Plan       scans reads one in order within a time_budget
  → positions  run_pages makes a page, ids or counts of them
run_query holds what they hand on, sql the forms of statements.
A run's key begins with the second of its creation (storage/keys.py): an order by time is one by key, and a span of time
a KeyRange. facets counts a filter's runs by value (value_counts); suggestions completes text that is being typed;
filter_totals adds up a filter's runs, listed_runs reads what their rows show.
"""

from .run_pages import RunListPage, ids_of, run_list_page
from .run_query import SORTS, THREAD_SORTS, RunOrder
from .time_budget import TimeBudget

__all__ = ["SORTS", "THREAD_SORTS", "RunListPage", "RunOrder", "TimeBudget", "ids_of", "run_list_page"]
