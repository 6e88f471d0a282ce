"""JSON logs: a line of a write names the request, the audit entry and the upstream's request."""

import json
import logging

import pytest

from runsdash.json_logs import JsonFormatter, logged_as
from runsdash.sync.refresh import refresh_run

pytestmark = pytest.mark.django_db(transaction=True)


class Lines(logging.Handler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[dict] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def logged():
    handler, logger = Lines(), logging.getLogger("runsdash")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_write_is_followed_from_the_browser_to_the_upstream(connection, upstream, start, operator, logged):
    run = start("/tool", until="requires_action")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/cancel/"
    answer = operator.post(path, {"reason": "wrong"}, headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer["X-Request-ID"] == "from-the-proxy-1"
    (line,) = [one for one in logged if one["message"] == "cancel_run: done"]
    assert line["request_id"] == "from-the-proxy-1"
    assert line["upstream_request_id"]
    assert line["audit_entry"] > 0


def test_an_id_that_is_none_is_not_believed(client):
    answer = client.get("/accounts/login/", headers={"X-Request-ID": 'x"} {"level": "ERROR'})
    assert len(answer["X-Request-ID"]) == 16


def test_a_line_stays_one_object_with_its_job(logged):
    with logged_as(job=7):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("runsdash.sync").exception("a piece\nfailed")
    (line,) = logged
    assert (line["job"], line["message"], line["level"]) == (7, "a piece\nfailed", "ERROR")
    assert "ValueError: two\nlines" in line["exception"]
