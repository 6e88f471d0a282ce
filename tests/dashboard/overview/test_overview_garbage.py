"""What a page of the overview holds goes with its answer, and does not wait for the collector of garbage."""

import gc

import pytest
from django.test import Client

from runsdash.dashboard.overview.page import OverviewPage
from tests.pages import page_of
from tests.rows import made_connection, made_runs

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_poll", [False, True])
def test_a_page_goes_with_its_answer(viewer: Client, is_poll: bool) -> None:
    made_runs(made_connection(), 3)
    url = page_of(viewer.get("/")).one(id="poll")["hx-get"] if is_poll else "/"
    gc.collect()
    gc.disable()
    try:
        assert viewer.get(url, headers={"HX-Request": "true"} if is_poll else {}).status_code == 200
        assert not [one for one in gc.get_objects() if type(one) is OverviewPage]
    finally:
        gc.enable()
