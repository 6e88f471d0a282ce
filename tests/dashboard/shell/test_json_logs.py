"""JSON logs: a line of a write names the request, the audit entry and the upstream's request."""

import json
import logging
from threading import Event

import pytest

from runsdash.json_logs import JsonFormatter, logged_as
from runsdash.service.background import submit
from runsdash.sync.jobs.jobs import add_job
from runsdash.sync.parallel_reads import in_background
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


def test_reads_side_by_side_name_the_request_they_are_made_for(connection, upstream, start, viewer, logged):
    logging.getLogger("runsdash.sync").setLevel(logging.DEBUG)
    run = start("/slow 5", until="in_progress")
    viewer.get(f"/threads/{run['thread_id']}/runs/{run['id']}/", headers={"X-Request-ID": "of-the-page"})
    logging.getLogger("runsdash.sync").setLevel(logging.NOTSET)
    sent = [one for one in logged if one["logger"] == "runsdash.sync.attempt_log"]
    assert len(sent) >= 3  # the run, its steps, its messages
    assert {one["request_id"] for one in sent} == {"of-the-page"}
    assert all(one["upstream_request_id"] for one in sent)


def test_work_handed_to_another_thread_keeps_its_ids(logged):
    done = Event()

    def late():
        logging.getLogger("runsdash.sync").info("late")
        done.set()

    with logged_as(request_id="r-1"):
        in_background(late)
        future = submit(logging.getLogger("runsdash.sync").info, "in the pool")
    future.result(timeout=5)
    assert done.wait(5)
    assert {one["message"]: one["request_id"] for one in logged} == {"late": "r-1", "in the pool": "r-1"}


def test_a_job_is_joined_to_the_request_that_added_it(connection, logged):
    with logged_as(request_id="r-2"):
        job = add_job("add_threads", connection=connection)
    (line,) = [one for one in logged if one["message"].endswith("is added")]
    assert (line["request_id"], line["job"]) == ("r-2", job.pk)


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
