"""Holds the row of a thread for whoever writes what belongs to it.

So two writers never wait for each other, and each sees what the other wrote: keys that it took, words of the same run.
Several threads are held in the order of their ids. Their keys are not locked (`no_key`): who inserts a row that refers
to a thread would wait for that lock when committing. SQLite has one writer at a time and needs none of this.
"""

from django.db import connection

from runsdash.index.models import Run, Thread


def hold_thread(key: int) -> bool:
    """Waits until nobody else writes runs, steps or messages of the thread, and keeps them waiting from then on.

    That ends with the transaction. False: it was purged.
    """
    rows = Thread.objects.filter(pk=key).values_list("pk")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(no_key=True)
    return rows.first() is not None


def hold_run(run: Run) -> bool:
    """Holds the run's thread. False: the run was purged."""
    return hold_thread(run.thread_id) and Run.objects.filter(pk=run.pk).exists()
