"""What the run page says of a run's cost."""

import pytest
from django.test import Client

from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({}, "$0.0361 estimate at list price"),
        ({"model": "of-ours"}, "no price known"),
        ({"usage": None}, "unknown: no tokens reported"),
        ({"status": "in_progress", "usage": None}, "known at the end"),
        ({"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}, "$0.0000 estimate at list price"),
    ],
)
def test_the_cost_of_a_run(viewer: Client, run: dict, words: str) -> None:
    made = made_run(made_connection(), **run)
    page = page_of(viewer.get(f"/threads/{made.thread.upstream_id}/runs/{made.upstream_id}/"))
    assert page.one("dd", id="run-cost").text == words
