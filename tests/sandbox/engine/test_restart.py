"""A sandbox that is killed goes on where it was."""

import time

import pytest

from tests.sandbox.replies import open_stream
from tests.upstream import Sandbox


@pytest.fixture
def server():
    with Sandbox() as server:
        yield server


@pytest.mark.clock
def test_a_slow_run_ends_at_its_time_although_the_server_died(server):
    run = server.wait(server.run("/slow 1.5"), "in_progress")
    began = time.monotonic()
    server.kill()
    server.restart()
    assert server.wait({**run}, "completed")["completed_at"]
    assert 0.5 < time.monotonic() - began < 5


def test_a_waiting_run_still_waits_and_can_be_answered(server):
    run = server.wait(server.run("/tool /code 6*7"), "requires_action")
    server.kill()
    server.restart()
    assert server.wait(run, "requires_action")["required_action"] == run["required_action"]
    server.answer(run, "there")
    assert "42" in server.answer_text(server.wait(run, "completed"))


@pytest.mark.clock
def test_a_run_that_expired_while_the_server_was_dead_is_expired(server):
    run = server.wait(server.run("/tool"), "requires_action")
    server.shift(run["id"], expires_at=int(time.time()) + 1)
    server.kill()
    time.sleep(1.2)
    server.restart()
    assert server.wait(run, "expired")["status"] == "expired"


def test_a_run_killed_in_mid_stream_goes_on_without_it(server):
    body = {
        "assistant_id": "asst_sandbox_dispatch",
        "thread": {"messages": [{"role": "user", "content": "/long 3000"}]},
        "stream": True,
    }
    with open_stream(server, "/threads/runs", body) as reply:
        line = next(line for line in reply if b'"object":"thread.run"' in line).decode()
        next(line for line in reply if b"thread.message.delta" in line)
        server.kill()
    server.restart()
    run = {name: line.split(f'"{name}":"')[1].split('"')[0] for name in ("id", "thread_id")}
    assert server.wait(run)["status"] == "completed"
    assert len(server.answer_text(run).split()) == 3000


def test_a_deleted_assistant_stays_and_a_built_in_one_comes_back(server):
    made = server.post("/assistants", {"model": "gpt-4o"})["id"]
    server.delete(f"/assistants/{made}")
    server.delete("/assistants/asst_sandbox_long")
    server.restart()
    assert server.refusal("GET", f"/assistants/{made}")[0] == 404
    assert server.get("/assistants/asst_sandbox_long")["name"]
