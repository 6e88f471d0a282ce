"""The page that answers too many tries at signing in."""

import pytest
from django.test import Client, override_settings

from tests.pages import page_of

pytestmark = pytest.mark.django_db


@override_settings(ACCOUNT_RATE_LIMITS={"login": "1/m/ip"})
def test_what_was_typed_before_goes_along(client: Client) -> None:
    posted = {"login": "ada", "password": "wrong", "kept": '{"<b>": 1}', "next": "/runs/"}
    client.post("/accounts/login/", posted)
    page = page_of(client.post("/accounts/login/", posted), status=429)
    assert page.one("input", name="kept")["value"] == posted["kept"]
    assert page.one("input", name="next")["value"] == "/runs/"
    assert page.one("input", name="login")["value"] == "ada"
