"""What browsers report of a broken rule: a redacted line of the log, a number of /metrics, and no more than so many."""

import json
import logging

import pytest
from django.http import HttpResponse
from django.test import Client

from runsdash.dashboard.shell import policy_reports
from runsdash.dashboard.shell.policy_reports import BODY_BYTES_MAX, OF_ADDRESS, OF_ALL, Minute

pytestmark = pytest.mark.django_db
TYPE = "application/csp-report"
REPORT = {
    "effective-directive": "script-src",
    "blocked-uri": "https://olga:hunter22@evil.example/x.js?token=abcdefgh\nINFO forged",
    "document-uri": "https://runs.example.org/runs/?q=text:medical",
    "script-sample": "the words of a customer",
    "line-number": 7,
}
WRONG = {
    "no JSON": "{",
    "a list": "[]",
    "no object": '{"csp-report": 1}',
    "an object of objects": '{"csp-report": {"blocked-uri": {"a": []}, "line-number": [1]}}',
    "deep": '{"csp-report":' * 500 + "1" + "}" * 500,
    "a huge number": '{"csp-report": {"x": ' + "9" * 6000 + "}}",
    "no text": b"\xff\xfe\x00",
}


@pytest.fixture(autouse=True)
def _begin(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(policy_reports, "MINUTE", Minute())
    caplog.set_level(logging.WARNING)


def sent(body: object, *, content_type: str = TYPE, **more: str) -> HttpResponse:
    body = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post("/csp-report/", body, content_type=content_type, **more)


def number_of_metrics() -> float:
    lines = Client().get("/metrics").content.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("runsdash_policy_reports_total "))


def test_a_report_is_one_redacted_line_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    before = number_of_metrics()
    assert sent({"csp-report": REPORT}).status_code == 204
    (line,) = caplog.messages
    assert "effective-directive 'script-src'" in line
    assert "document-uri 'https://runs.example.org/runs/'" in line
    assert "line-number '7'" in line
    assert "blocked-uri 'https://evil.example/x.js'" in line
    for secret in ("\n", "abcdefgh", "hunter22", "medical", "customer"):
        assert secret not in line
    assert number_of_metrics() == before + 1


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_what_is_no_report_leaves_no_line(body: str | bytes, caplog: pytest.LogCaptureFixture) -> None:
    before = number_of_metrics()
    assert sent(body).status_code == 204
    assert caplog.messages == []
    assert number_of_metrics() == before


def test_what_is_long_or_of_another_type_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    assert sent("x" * (BODY_BYTES_MAX + 1)).status_code == 413
    assert sent({"csp-report": REPORT}, content_type="multipart/form-data; boundary=x").status_code == 415
    assert sent({"csp-report": REPORT}, content_type="text/plain").status_code == 415
    assert caplog.messages == []


@pytest.mark.usefixtures("one_minute")
def test_a_flood_of_one_address_leaves_room_for_others_and_of_many_for_the_log(
    caplog: pytest.LogCaptureFixture, django_assert_num_queries
) -> None:
    statuses = [sent({"csp-report": REPORT}).status_code for _ in range(OF_ADDRESS + 5)]
    assert statuses == [204] * OF_ADDRESS + [429] * 5
    with django_assert_num_queries(0):
        assert sent({"csp-report": REPORT})["Retry-After"] == "60"
    assert sent({"csp-report": REPORT}, REMOTE_ADDR="192.0.2.1").status_code == 204
    for number in range(2 * OF_ALL):
        sent({"csp-report": REPORT}, REMOTE_ADDR=f"198.51.100.{number}")
    assert len(caplog.messages) == OF_ALL
