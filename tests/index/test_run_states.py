"""A state of a run means the same in a query, in the filter language and asked of a row; and it is defined once."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index import run_states
from runsdash.index.models import Run, Thread
from runsdash.index.search import ids_of
from runsdash.index.search.run_filter import parsed
from runsdash.service.statuses import RunStatus
from tests.rows import kept_for_the_module, made_connection, made_runs

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2] / "runsdash"
AGES_S = (60, 3600)
DEADLINES_S = (None, 300, -300)
TROUBLES = (None, {"status": None}, {"status": 502}, {"status": 404}, {"status": 410})
KINDS = list(product(RunStatus, DEADLINES_S, TROUBLES, (False, True)))
IN_A_QUERY = {
    "active": lambda now: run_states.active(),
    "gone": lambda now: run_states.gone(),
    "unanswered": lambda now: run_states.unanswered(),
    "waiting": run_states.waiting,
    "past deadline": run_states.past_deadline,
    "overdue": run_states.overdue,
}
OF_A_ROW = {
    "active": lambda run, now: run.facts.is_active,
    "gone": lambda run, now: run.is_gone,
    "unanswered": lambda run, now: run.facts.is_waiting and not run.is_gone,
    "waiting": Run.is_waiting,
    "past deadline": run_states.is_past_deadline,
    "overdue": Run.is_overdue,
}


@pytest.fixture(scope="module")
def runs(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[Run]]:
    """Runs of every kind: new and old, each status, deadline, trouble, and with a thread that is gone or not."""
    with kept_for_the_module(django_db_blocker):
        yield filled()


def filled() -> list[Run]:
    connection = made_connection("every-kind")
    for age_s in AGES_S:
        rows = made_runs(connection, len(KINDS), age_s=age_s)
        for run, (status, late_s, trouble, is_gone) in zip(rows, KINDS, strict=True):
            run.status, run.trouble = status.value, trouble
            run.expires_at = timezone.now() + timedelta(seconds=late_s) if late_s is not None else None
            Thread.objects.filter(pk=run.thread_id).update(is_gone=is_gone)
        Run.objects.bulk_update(rows, ["status", "trouble", "expires_at"])
    return list(Run.objects.select_related("thread", "connection"))


@pytest.mark.parametrize("state", IN_A_QUERY)
def test_a_query_and_a_row_agree(runs, state):
    now = timezone.now()
    found = set(Run.objects.filter(IN_A_QUERY[state](now)).values_list("pk", flat=True))
    assert found == {run.pk for run in runs if OF_A_ROW[state](run, now)}
    assert 0 < len(found) < len(runs)


@pytest.mark.parametrize("state", ["active", "waiting", "overdue"])
def test_the_filter_language_and_a_query_agree(runs, state):
    found, is_whole = ids_of(parsed(f"is:{state}"), count=len(runs))
    assert is_whole
    assert set(found) == set(Run.objects.filter(IN_A_QUERY[state](timezone.now())).values_list("pk", flat=True))


def test_a_run_at_work_for_an_hour_without_a_deadline_is_overdue():
    (run,) = made_runs(made_connection(), 1, status="in_progress", age_s=3600, expires_at=None)
    now = timezone.now()
    assert run in Run.objects.overdue(now)
    assert run.is_overdue(now)


# The source


# Here rows of names hold sums and columns that are called like statuses.
NAMES_OF_SUMS = {
    "index/totals/sums.py", "index/totals/rollups.py", "index/totals/span_reads.py",
    "dashboard/overview/csv_tables.py", "dashboard/overview/figures.py",
}  # fmt: skip


def statuses_spelled_out(tree: ast.AST) -> Iterator[ast.AST]:
    """Status words, and lists of members, that a program tells runs apart by. Words of other tables are choices."""
    words = {status.value for status in RunStatus}
    choices = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("TextChoices" in ast.unparse(base) for base in node.bases)
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = node.keys
        elif isinstance(node, ast.keyword) and (node.arg or "").startswith("status"):
            parts = [node.value]
        else:
            continue
        members = [part for part in parts if part is not None and ast.unparse(part).startswith("RunStatus.")]
        is_list = not isinstance(node, ast.Compare | ast.keyword) and len(members) > 1
        is_word = any(isinstance(part, ast.Constant) and part.value in words for part in parts)
        if (is_list or is_word) and id(node) not in choices:
            yield node


@pytest.mark.parametrize(
    "source",
    [
        "run.status == 'failed'",
        "ACTIVE = ('queued', 'in_progress')",
        "x = run.status in {'expired', 'cancelled'}",
        "Run.objects.filter(status='completed')",
        "TONES = {'failed': 'bad'}",
        "BAD = [RunStatus.FAILED, RunStatus.EXPIRED]",
        "TONES = {RunStatus.FAILED: 'bad', RunStatus.EXPIRED: ''}",
    ],
)
def test_a_status_that_is_spelled_out_is_seen(source):
    assert list(statuses_spelled_out(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "class State(models.TextChoices):\n    FAILED = 'failed', 'given up'",
        "if run.facts == RunStatus.EXPIRED: pass",
        "return_value = 'expired'",
        "Run.objects.filter(status=run_states.WAITING)",
    ],
)
def test_other_words_are_not_taken_for_a_status(source):
    assert not list(statuses_spelled_out(ast.parse(source)))


def test_statuses_are_told_apart_in_one_place():
    at_home = {ROOT / "service/statuses.py", ROOT / "index/run_states.py"}
    files = [
        path for path in ROOT.rglob("*.py") if path not in at_home and not {"migrations", "sandbox"} & set(path.parts)
    ]
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}"
        for path in files
        for node in statuses_spelled_out(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) or path.relative_to(ROOT).as_posix() not in NAMES_OF_SUMS
    ]
    assert found == []
