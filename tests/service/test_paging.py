"""Iterators follow the cursor, and come to an end whatever the server says."""

import time

import pytest

from runsdash.service import Client
from tests.service.raw_server import RawServer, reply


def test_iterators_follow_the_cursor(client, upstream):
    thread_id = upstream.post("/threads")["id"]
    texts = [f"message {n}" for n in range(7)]
    for text in texts:
        upstream.post(f"/threads/{thread_id}/messages", {"role": "user", "content": text})
    upstream.clear_requests()
    found = client.iter_messages(thread_id=thread_id, limit=3, order="asc")
    assert [message.text for message in found] == texts
    assert found.stage.is_whole
    assert 3 <= len(upstream.requests()) <= 4  # a page begins before the last second of the page before it


def test_iterators_read_no_page_ahead(client, upstream):
    for _ in range(3):
        upstream.post("/threads")
    upstream.clear_requests()
    next(client.iter_threads(limit=1))
    assert len(upstream.requests()) == 1


@pytest.mark.parametrize("quirk", ["no_has_more", "bare_lists"])
def test_a_list_that_says_nothing_of_more_ends_with_an_empty_page(client, upstream, quirk):
    seeded = upstream.seed(steps=5)
    upstream.quirk(**{quirk: True})
    ids = {"thread_id": seeded["thread_id"], "run_id": seeded["run_id"]}
    upstream.clear_requests()
    assert len(list(client.iter_run_steps(**ids, limit=2))) == len(seeded["step_ids"])
    assert len(upstream.requests()) == len(seeded["step_ids"]) // 2 + 2


def iterate(*pages, limit=2):
    with RawServer(*(reply(page) for page in pages)) as server:
        client = Client(server.base_url, "key", timeout=5)
        ids = [run.id for run in client.iter_runs(thread_id="t", limit=limit)]
        return ids, [request.split()[1].partition("?")[2] for request in server.requests]


def listed(*ids, **more):
    return {"data": [{"id": id, "thread_id": "t"} for id in ids], **more}


def test_a_page_that_repeats_an_id_and_brings_another_is_not_the_last():
    ids, asked = iterate(listed("a", "b", has_more=True), listed("b", "c", has_more=True), listed("d", has_more=False))
    assert ids == ["a", "b", "c", "d"]
    assert asked == [f"limit=2&order=desc{after}" for after in ("", "&after=b", "&after=c")]


def test_a_page_names_an_item_twice_and_the_walk_once():
    ids, _asked = iterate(listed("a", "a", has_more=False), listed(has_more=False))
    assert ids == ["a"]


def test_the_same_page_for_ever_ends():
    ids, asked = iterate(listed("a", "b", has_more=True))
    assert (ids, len(asked)) == (["a", "b"], 2)


def test_an_empty_page_is_the_last_even_with_more():
    ids, asked = iterate(listed("a", has_more=True), listed(has_more=True))
    assert (ids, len(asked)) == (["a"], 2)


def test_a_short_page_with_more_goes_on():
    ids, _asked = iterate(listed("a", has_more=True), listed("b", has_more=False))
    assert ids == ["a", "b"]


def test_runs_of_other_threads_are_left_out_and_still_move_the_cursor():
    other = {"data": [{"id": "a", "thread_id": "t"}, {"id": "x", "thread_id": "u"}], "has_more": True}
    ids, asked = iterate(other, listed("b", has_more=False))
    assert ids == ["a", "b"]
    assert asked[1].endswith("after=x")


def test_pages_with_only_runs_of_other_threads_that_repeat_end():
    other = {"data": [{"id": "x", "thread_id": "u"}], "has_more": True}
    ids, asked = iterate(other)
    assert (ids, len(asked)) == ([], 2)


# Servers that page in other ways, over the sandbox

QUIRKS = ["after_inclusive", "has_more_false", "has_more_true", "ties_lost"]


SAID = {"role": "user", "content": "hello"}


@pytest.fixture(scope="module")
def spoken(sandbox) -> tuple[str, list[str]]:
    """A thread with messages in three seconds that follow each other, many in each; its id, and theirs in order."""
    sandbox.clear_faults()
    sandbox.clear_quirks()
    thread_id, sent = sandbox.post("/threads")["id"], []
    for count in (20, 12, 20):
        wait_for_a_second()
        sent += [sandbox.post(f"/threads/{thread_id}/messages", SAID) for _ in range(count)]
    assert len({one["created_at"] for one in sent}) == 3
    return thread_id, [one["id"] for one in sent]


def wait_for_a_second() -> None:
    time.sleep(1 - time.time() % 1)


@pytest.mark.clock
@pytest.mark.parametrize("quirk", QUIRKS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_iterators_find_everything(client, spoken, upstream, quirk, order):
    thread_id, sent = spoken
    upstream.quirk(**{quirk: True})
    walk = client.iter_messages(thread_id=thread_id, limit=30, order=order)
    found = [message.id for message in walk]
    assert sorted(found) == sorted(sent)
    assert walk.stage.is_whole
    assert len(upstream.requests(path="/messages")) <= 4


def test_a_walk_that_after_does_not_move_ends_and_is_not_whole(client, upstream):
    made = upstream.seed(steps=132)
    upstream.quirk(after_ignored=True)
    upstream.clear_requests()
    walk = client.iter_run_steps(thread_id=made["thread_id"], run_id=made["run_id"])
    assert len(list(walk)) == 100
    assert (walk.stage.is_over, walk.stage.is_whole) == (True, False)
    assert len(upstream.requests(path="/steps")) == 2


def test_a_page_of_one_second_that_loses_the_rest_of_it_is_not_whole(client, upstream):
    made = upstream.seed(steps=132)
    ids = {"thread_id": made["thread_id"], "run_id": made["run_id"]}
    upstream.quirk(ties_lost=True)
    walk = client.iter_run_steps(**ids)
    assert (len(list(walk)), walk.stage.is_whole) == (100, False)
    upstream.clear_quirks()
    walk = client.iter_run_steps(**ids)
    assert (len(list(walk)), walk.stage.is_whole) == (132, True)


@pytest.mark.parametrize("quirk", [{}, {"has_more_false": True}, {"has_more_true": True}])
@pytest.mark.parametrize("steps", [99, 200])
def test_full_pages_at_the_end_are_asked_further_and_are_whole(client, upstream, steps, quirk):
    made = upstream.seed(steps=steps)
    upstream.quirk(**quirk)
    upstream.clear_requests()
    walk = client.iter_run_steps(thread_id=made["thread_id"], run_id=made["run_id"])
    assert (len(list(walk)), walk.stage.is_whole) == (steps, True)
    assert len(upstream.requests(path="/steps")) <= steps // 100 + 1 + ("has_more_true" in quirk)
