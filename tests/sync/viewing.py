"""Viewers of one run in a process of their own, as threads that refresh it again and again."""

import threading
import time

import django


def view(thread_id: str, run_id: str, *, viewers: int, seconds: float) -> None:
    """Prints how many views there were."""
    django.setup()
    views = [0] * viewers
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=look, args=(views, at, until), kwargs={"thread_id": thread_id, "run_id": run_id})
        for at in range(viewers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(views))


def look(views: list[int], at: int, until: float, *, thread_id: str, run_id: str) -> None:
    from django.db import connections

    from runsdash.index.models import Connection
    from runsdash.sync.refresh import refresh_run

    while time.monotonic() < until:
        refresh_run(Connection.objects.get(), thread_id=thread_id, run_id=run_id)
        views[at] += 1
        time.sleep(0.2)
    connections.close_all()
