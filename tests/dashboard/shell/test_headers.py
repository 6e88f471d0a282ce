"""Headers that keep other sites out and devices off, and what browsers report of a broken rule."""

import json
import logging

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
REPORT = {"csp-report": {"effective-directive": "script-src", "blocked-uri": "https://evil.example/x\nINFO forged"}}


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
    assert client.get("/accounts/login/")["Content-Security-Policy"].endswith("report-uri /csp-report/")


def reported(client: Client, body: bytes) -> int:
    return client.post("/csp-report/", body, content_type="application/csp-report").status_code


def test_a_report_is_a_line_of_the_log(viewer: Client, client: Client, caplog) -> None:
    caplog.set_level(logging.WARNING)
    for who, body in (
        (client, json.dumps(REPORT).encode()),
        (viewer, b"{"),
        (viewer, b"[]"),
        (viewer, b'{"csp-report": 1}'),
    ):
        assert reported(who, body) == 204
    assert caplog.messages == []
    assert reported(viewer, json.dumps(REPORT).encode()) == 204
    (line,) = caplog.messages
    assert "script-src" in line
    assert "\n" not in line
    assert viewer.get("/csp-report/").status_code == 405
