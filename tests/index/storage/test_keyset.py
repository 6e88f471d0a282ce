"""Paging by key: every row once, in order, both ways, also while rows are added and with equal times."""

import pytest

from runsdash.index.models import Run, Thread
from runsdash.index.storage.keyset import CursorError, KeysetOrder, page_of
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db
NEWEST, OLDEST = KeysetOrder(), KeysetOrder(is_descending=False)


def page(cursor: str = "", *, order: KeysetOrder = NEWEST, limit: int = 4, statuses: tuple[str, ...] = ()):
    querysets = [Run.objects.filter(status=one) for one in statuses] or [Run.objects.all()]
    return page_of(querysets, order=order, rows=Run.objects.all(), cursor=cursor, limit=limit)


def walk(way: str, cursor: str = "", **wanted: object) -> list[list[int]]:
    pages = []
    while True:
        found = page(cursor, **wanted)
        pages.append([row.pk for row in found.rows])
        cursor = getattr(found, way)
        if not cursor:
            return pages


@pytest.mark.parametrize("order", [NEWEST, OLDEST])
def test_forward_and_back_give_every_row_once(order: KeysetOrder) -> None:
    keys = sorted((run.pk for run in made_runs(made_connection(), 11)), reverse=order.is_descending)
    forward = walk("next", order=order)
    assert [pk for one in forward for pk in one] == keys
    last = page_to_last(order)
    back = walk("previous", last.previous, order=order)
    assert back[-1] == keys[:4]
    assert {pk for one in back for pk in one} >= set(keys[:8])


def page_to_last(order: KeysetOrder):
    found = page(order=order)
    while found.next:
        found = page(found.next, order=order)
    return found


def test_near_the_start_the_whole_first_page_is_shown() -> None:
    runs = made_runs(made_connection(), 6)
    second = page(page().next)
    made_run(runs[0].connection, age_s=1)
    before = page(second.previous)
    assert [row.pk for row in before.rows] == [run.pk for run in runs[:4]]
    assert page(before.previous).rows[0].pk > runs[0].pk


def test_several_querysets_are_one_list() -> None:
    prod = made_connection()
    runs = [made_run(prod, status=status, age_s=age) for age, status in enumerate(["failed", "expired"] * 4)]
    both = ("failed", "expired")
    assert [pk for one in walk("next", limit=3, statuses=both) for pk in one] == sorted(
        (r.pk for r in runs), reverse=True
    )


def test_equal_times_are_told_apart_by_key() -> None:
    made_runs(made_connection(), 5)
    Thread.objects.update(last_run_at=Run.objects.first().created_at)
    order, seen, cursor = KeysetOrder("last_run_at"), [], ""
    while True:
        found = page_of([Thread.objects.all()], order=order, rows=Thread.objects.all(), cursor=cursor, limit=2)
        seen += [row.pk for row in found.rows]
        cursor = found.next
        if not cursor:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5


@pytest.mark.parametrize("cursor", ["x", "after", "after.x", "after.1.2", "after." + "9" * 19, "before.-"])
def test_a_strange_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        page(cursor)
