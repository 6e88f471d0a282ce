"""Reads what rows of the inbox show of runs, and beside each: who is at it, whose it is, and whose call started it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from django.db.models import OuterRef, QuerySet, Subquery

from runsdash.accounts.models import User
from runsdash.actions.outputs.people import PersonAt, RunIds
from runsdash.dashboard.runs.rows import COLUMNS, complete_rows
from runsdash.dashboard.shell.links import mark_ambiguous
from runsdash.index.models import ChildRun, Connection, Run, ThreadMetadata


@dataclass(frozen=True, kw_only=True)
class Person:
    """Says who is at a run: answering it, or with a draft for it. `is_reader`: it is whoever looks."""

    name: str
    initials: str
    is_answering: bool
    is_reader: bool


@dataclass(frozen=True, kw_only=True)
class AboutRun:
    """Holds what a row says beside its run. `parent`: the run whose call started it."""

    people: Sequence[Person]
    customer: str
    parent: Run | None


Row: TypeAlias = tuple[Run, AboutRun]


def rows_of(
    keys: Sequence[int], *, among: Sequence[Connection], people: Mapping[RunIds, Sequence[PersonAt]], reader: User
) -> dict[int, Row]:
    """Returns rows by the keys of their runs. `people`: who is at which run."""
    runs = complete_rows(list(shown(Run.objects.filter(pk__in=keys))), among=among)
    customers, parents = customers_of(runs), parents_of(runs, among=among)
    found: dict[int, Row] = {}
    for run in runs:
        there = people.get((run.connection_id, run.upstream_id), ())
        about = AboutRun(
            people=[person(one, reader=reader) for one in there],
            customer=customers.get((run.thread_id, run.connection.customer_key), ""),
            parent=parents.get(run.pk),
        )
        found[run.pk] = run, about
    return found


def person(found: PersonAt, *, reader: User) -> Person:
    user = found.user
    return Person(
        name=user.get_username(), initials=user.initials, is_answering=found.is_answering,
        is_reader=user.pk == reader.pk,
    )  # fmt: skip


def customers_of(runs: Sequence[Run]) -> dict[tuple[int, str], str]:
    """Returns values of the metadata keys that an admin named, by thread and key. No query where none is named."""
    keys = {run.connection.customer_key for run in runs} - {""}
    if not keys:
        return {}
    pairs = ThreadMetadata.objects.filter(thread_id__in=[run.thread_id for run in runs], key__in=keys)
    return {(pair.thread_id, pair.key): pair.value for pair in pairs}


def parents_of(runs: Sequence[Run], *, among: Sequence[Connection]) -> dict[int, Run]:
    """Returns the runs whose calls started these, by the keys of these. No query where none was started so."""
    keys = {run.parent_key for run in runs if run.parent_key is not None}
    parents = {run.pk: run for run in shown(Run.objects.filter(pk__in=keys))} if keys else {}
    found: dict[int, Run] = {}
    for run in runs:
        parent = parents.get(run.parent_key or 0)
        if parent is not None:
            parent.connection = run.connection
            found[run.pk] = parent
    mark_ambiguous(parents.values(), among=among)
    return found


def shown(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Reads what a row needs, in the order `runs` has."""
    asked = ChildRun.objects.filter(connection_id=OuterRef("connection_id"), upstream_id=OuterRef("upstream_id"))
    parent = Subquery(asked.order_by().values("parent_id")[:1])
    rows = runs.select_related("thread").only(*COLUMNS, "trouble", "status_since", "question")
    return rows.annotate(parent_key=parent)  # type: ignore[no-redef]  # declared for whoever reads it
