"""Marks that steps of a run or messages of a thread are new or other than before.

A page's poll compares these moments instead of every step and message. Whoever writes steps or messages calls this in
the same transaction, and only when something differs: a mark makes each open page render again.
"""

from collections.abc import Collection

from django.utils import timezone

from runsdash.index.models import Run, Thread


def steps_changed(run_keys: Collection[int]) -> None:
    if run_keys:
        Run.objects.filter(pk__in=run_keys).update(steps_changed_at=timezone.now())


def messages_changed(thread_keys: Collection[int]) -> None:
    if thread_keys:
        Thread.objects.filter(pk__in=thread_keys).update(messages_changed_at=timezone.now())
