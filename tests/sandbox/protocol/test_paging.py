"""Cursor paging of every list."""

import pytest


@pytest.fixture
def thread(upstream):
    """A thread with seven messages; their ids, oldest first."""
    made = upstream.post("/threads")["id"]
    sent = [upstream.post(f"/threads/{made}/messages", {"role": "user", "content": str(at)}) for at in range(7)]
    return f"/threads/{made}/messages", [one["id"] for one in sent]


def ids(page: dict) -> list[str]:
    return [one["id"] for one in page["data"]]


@pytest.mark.parametrize(
    ("query", "wanted", "more"),
    [
        ("?order=asc&limit=3", [0, 1, 2], True),
        ("?limit=3", [6, 5, 4], True),
        ("?order=asc&limit=3&after={4}", [5, 6], False),
        ("?order=asc&limit=2&after={4}", [5, 6], False),
        ("?limit=3&after={4}", [3, 2, 1], True),
        ("?order=asc&limit=2&before={4}", [2, 3], True),
        ("?order=asc&limit=9&before={4}", [0, 1, 2, 3], False),
        ("?limit=2&before={4}", [6, 5], False),
        ("?limit=1&before={4}", [5], True),
        ("?order=asc&after={6}", [], False),
        ("?order=asc&after={1}&before={5}", [2, 3, 4], False),
        ("?order=asc&after={1}&before={5}&limit=2", [2, 3], True),
        ("?after={5}&before={1}&limit=2", [4, 3], True),
        ("?order=asc&after={4}&before={2}", [], False),
        ("?order=asc&limit=3.0", [0, 1, 2], True),
        ("?order=asc&limit=3e%2B00", [0, 1, 2], True),
        ("?order=asc&limit=3e+00", [0, 1, 2], True),
    ],
)
def test_a_page(upstream, thread, query, wanted, more):
    path, sent = thread
    page = upstream.get(path + query.format(*sent))
    assert ids(page) == [sent[at] for at in wanted]
    assert page["has_more"] is more
    assert page["first_id"] == (sent[wanted[0]] if wanted else None)
    assert page["last_id"] == (sent[wanted[-1]] if wanted else None)


@pytest.mark.parametrize(
    ("query", "param"),
    [("?limit=0", "limit"), ("?limit=101", "limit"), ("?limit=x", "limit"), ("?limit=2.5", "limit"),
     ("?limit=nan", "limit"), ("?limit=1e999", "limit"), ("?after={0}&before=msg_none", "before"), ("?order=up", "order"),
     ("?after=msg_none", "after"), ("?before=msg_none", "before")],
)  # fmt: skip
def test_bad_paging_is_refused(upstream, thread, query, param):
    status, error = upstream.refusal("GET", thread[0] + query.format(*thread[1]))
    assert (status, error["param"]) == (400, param)


def test_messages_of_one_run(upstream, thread):
    path, sent = thread
    run = upstream.post(path.replace("messages", "runs"), {"assistant_id": "asst_sandbox_dispatch"})
    upstream.wait(run, "completed")
    (only,) = upstream.get(f"{path}?run_id={run['id']}")["data"]
    assert only["run_id"] == run["id"]
    assert len(upstream.get(path)["data"]) == len(sent) + 1


def test_threads_newest_first(upstream):
    made = [upstream.post("/threads")["id"] for _ in range(3)]
    assert ids(upstream.get("/threads?limit=3")) == made[::-1]
    assert ids(upstream.get(f"/threads?limit=1&after={made[2]}")) == [made[1]]
