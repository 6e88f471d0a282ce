"""Lists of servers that page in other ways: what each quirk makes of a list."""

import pytest

from tests.sandbox.protocol.test_paging import ids, thread  # noqa: F401


@pytest.mark.parametrize(
    ("quirk", "query", "wanted", "more"),
    [
        ("after_inclusive", "?order=asc&limit=3&after={4}", [4, 5, 6], False),
        ("after_inclusive", "?limit=2&after={4}", [4, 3], True),
        ("after_ignored", "?order=asc&limit=3&after={4}", [0, 1, 2], True),
        ("has_more_false", "?order=asc&limit=3", [0, 1, 2], False),
        ("has_more_true", "?order=asc&limit=9", [0, 1, 2, 3, 4, 5, 6], True),
    ],
)
def test_a_page_of_another_server(upstream, thread, quirk, query, wanted, more):  # noqa: F811
    path, sent = thread
    upstream.quirk(**{quirk: True})
    page = upstream.get(path + query.format(*sent))
    assert ids(page) == [sent[at] for at in wanted]
    assert page["has_more"] is more


def test_ties_lost(upstream):
    made = upstream.seed(steps=5)  # all of one second
    upstream.quirk(ties_lost=True)
    path = f"/threads/{made['thread_id']}/runs/{made['run_id']}/steps?order=asc&limit=3"
    assert ids(upstream.get(path)) == made["step_ids"][:3]
    assert ids(upstream.get(f"{path}&after={made['step_ids'][2]}")) == []
