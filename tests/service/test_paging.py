"""Iterators follow the cursor, and come to an end whatever the server says."""

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
    assert len(upstream.requests()) == 3


def test_iterators_read_no_page_ahead(client, upstream):
    for _ in range(3):
        upstream.post("/threads")
    upstream.clear_requests()
    next(client.iter_threads(limit=1))
    assert len(upstream.requests()) == 1


@pytest.mark.parametrize("quirk", ["no_has_more", "bare_lists"])
def test_iterators_end_on_a_short_page(client, upstream, quirk):
    seeded = upstream.seed(steps=5)
    upstream.quirk(**{quirk: True})
    ids = {"thread_id": seeded["thread_id"], "run_id": seeded["run_id"]}
    upstream.clear_requests()
    assert len(list(client.iter_run_steps(**ids, limit=2))) == len(seeded["step_ids"])
    assert len(upstream.requests()) == len(seeded["step_ids"]) // 2 + 1


def iterate(*pages, limit=2):
    with RawServer(*(reply(page) for page in pages)) as server:
        client = Client(server.base_url, "key", timeout=5)
        ids = [run.id for run in client.iter_runs(thread_id="t", limit=limit)]
        return ids, [request.split()[1].partition("?")[2] for request in server.requests]


def listed(*ids, **more):
    return {"data": [{"id": id, "thread_id": "t"} for id in ids], **more}


def test_a_page_that_repeats_an_id_is_the_last():
    ids, asked = iterate(listed("a", "b", has_more=True), listed("b", "c", has_more=True), listed("d", has_more=True))
    assert ids == ["a", "b", "c"]
    assert asked == ["limit=2&order=desc", "limit=2&order=desc&after=b"]


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
