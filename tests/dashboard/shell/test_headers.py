"""Headers that keep other sites out and devices off."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_every_answer_is_kept_from_other_sites(client: Client, viewer: Client) -> None:
    for answer in (
        client.get("/accounts/login/"),
        viewer.get("/runs/"),
        viewer.get("/nowhere/"),
        client.get("/healthz"),
    ):
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in answer["Permissions-Policy"]
        assert "publickey-credentials-get=(self)" in answer["Permissions-Policy"]
