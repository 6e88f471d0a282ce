"""Walks over servers that page in all wrong ways at once: they end, lose nothing that was given, keep the order."""

import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runsdash.service.objects import Message, Page
from runsdash.service.paging import Walk
from tests.wrong_pages import LIMITS, ORDERS, SECONDS, Server, Ways, all_ways

ONE_WAY = [
    Ways(), Ways(after="inclusive"), Ways(says="true"), Ways(says="false"), Ways(says="nothing"), Ways(repeats=True),
    Ways(cap=3), Ways(grows=(1, 2, 1)),
]  # fmt: skip
SAID = {"role": "user", "content": "hello"}


def walked(server: Server, *, limit: int, order: str) -> tuple[list[str], Walk]:
    def list_page(after: str | None) -> Page:
        return Page.from_raw(
            server.page(after=after, limit=limit, order=order), item_from_raw=Message.from_raw, limit=limit
        )

    walk: Walk = Walk(list_page)
    found: list[str] = []
    for item in walk:
        found.append(item.id)
        # Whoever stops here, as a copy of a thread up to a run does, has all that is older.
        if order == "asc" and not walk.stage.is_doubted and not server.ways.hides_its_end:
            assert {one for one, at in server.items if at < item.created_at.timestamp()} <= set(found)
    return found, walk


def check(seconds: list[int], ways: Ways, limit: int, order: str) -> None:
    server = Server(seconds, ways)
    before = server.ids
    found, walk = walked(server, limit=limit, order=order)
    assert server.calls <= 2 * (len(before) + sum(ways.grows)) + 2
    assert sorted(found) == sorted(set(server.given))
    if ways.after != "ignored" and not ways.loses_ties and not ways.old_ties_first:
        assert found == sorted(found, reverse=order == "desc")
    if walk.stage.is_whole and not ways.hides_its_end:
        assert set(before) <= set(found)


@example([0, 0, 1], Ways(after="inclusive", says="nothing", cap=2, old_ties_first=True, grows=(1,)), 3, "desc")
@settings(max_examples=200, deadline=None)
@given(seconds=SECONDS, ways=all_ways(), limit=LIMITS, order=ORDERS)
def test_a_walk_ends_loses_nothing_and_calls_nothing_whole_that_may_not_be(seconds, ways, limit, order):
    check(seconds, ways, limit, order)


@pytest.mark.long
@settings(max_examples=5_000, deadline=None)
@given(seconds=SECONDS, ways=all_ways(), limit=LIMITS, order=ORDERS)
def test_any_walk_ends_and_loses_nothing(seconds, ways, limit, order):
    check(seconds, ways, limit, order)


@settings(max_examples=100, deadline=None)
@given(seconds=SECONDS, ways=st.sampled_from(ONE_WAY), limit=st.integers(2, 6), order=ORDERS)
def test_one_wrong_way_alone_hides_nothing(seconds, ways, limit, order):
    server = Server(seconds, ways)
    before = server.ids
    found, walk = walked(server, limit=limit, order=order)
    assert set(before) <= set(found)
    most = max((seconds.count(one) for one in seconds), default=0)
    # A page that only repeats tells nothing else.
    is_told = len(before) < limit or (ways.after == "kept" and not ways.repeats)
    if is_told and most + sum(ways.grows) < min(limit, ways.cap or limit):
        assert walk.stage.is_whole


QUIRKS = [
    "after_inclusive",
    "after_ignored",
    "has_more_false",
    "has_more_true",
    "no_has_more",
    "bare_lists",
    "ties_lost",
]


@pytest.mark.long
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_any_two_ways_over_a_socket(client, upstream, order):
    thread_id = upstream.post("/threads")["id"]
    sent = []
    for count in (3, 5, 2):
        time.sleep(1 - time.time() % 1)
        sent += [upstream.post(f"/threads/{thread_id}/messages", SAID)["id"] for _ in range(count)]
    for some in itertools.combinations([None, *QUIRKS], 2):
        for limit in (2, 4, 20):
            upstream.clear_quirks()
            upstream.quirk(**{one: True for one in some if one})
            upstream.clear_requests()
            walk = client.iter_messages(thread_id=thread_id, limit=limit, order=order)
            found = [message.id for message in walk]
            assert len(set(found)) == len(found)
            assert len(upstream.requests()) <= 2 * len(sent) + 2
            assert found == sent or found[::-1] == sent or not walk.stage.is_whole, (some, limit)
