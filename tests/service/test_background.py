"""Operations in the background: futures, many at once, errors kept for whoever asks."""

import threading
import time
from concurrent.futures import Future, wait

import pytest

from runsdash.service import OPERATIONS, Client, InvalidRequest, NotFound, Page, RunStream
from runsdash.service.background import WORKERS
from tests.service.raw_server import RawServer, reply, slowly

DISPATCH = "asst_sandbox_dispatch"


def test_an_operation_runs_in_the_background(client, finished_run):
    future = client.background.list_runs(thread_id=finished_run["thread_id"], limit=1)
    assert isinstance(future, Future)
    page = future.result(timeout=5)
    assert isinstance(page, Page)
    assert page.data[0].id == finished_run["id"]
    raw = client.background.list_runs(thread_id=finished_run["thread_id"], raw=True).result(timeout=5)
    assert raw["object"] == "list"


def test_errors_wait_in_the_future(client):
    assert isinstance(client.background.retrieve_thread(thread_id="nope").exception(timeout=5), NotFound)
    assert isinstance(client.background.retrieve_thread(thread_id="").exception(timeout=5), InvalidRequest)


@pytest.mark.clock
def test_operations_run_side_by_side():
    late = slowly(reply({"id": "t"}), pause_s=0.3, at_once=len(reply({"id": "t"})) - 1)
    with RawServer(late) as server:
        client = Client(server.base_url, timeout=5)
        started = time.monotonic()
        futures = [client.background.retrieve_thread(thread_id="t") for _ in range(8)]
        assert not wait(futures, timeout=5).not_done
        assert time.monotonic() - started < 1.2
    assert {future.result().id for future in futures} == {"t"}


def test_the_pool_is_shared_and_bounded(client, upstream):
    futures = [client.background.create_thread() for _ in range(3 * WORKERS)]
    assert len({future.result(timeout=10).id for future in futures}) == 3 * WORKERS
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("runsdash-service")]
    assert len(names) <= WORKERS


def test_a_stream_may_be_opened_in_the_background(client, upstream):
    thread = upstream.post("/threads", {"messages": [{"role": "user", "content": "hello"}]})
    future = client.background.create_run(thread_id=thread["id"], assistant_id=DISPATCH, stream=True)
    stream = future.result(timeout=5)
    assert isinstance(stream, RunStream)
    assert stream.until_done().run.status == "completed"


def test_every_operation_is_written_out(client):
    assert set(vars(client.background)) == set(OPERATIONS)


def test_only_operations_run_in_the_background(client):
    for name in ("iter_runs", "describe_request", "nonsense", "_one"):
        with pytest.raises(AttributeError):
            getattr(client.background, name)
