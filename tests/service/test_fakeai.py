"""The main flow against fakeai of PyPI, a server that nobody here wrote, in an environment of its own."""

import time
from collections.abc import Iterator

import pytest

from runsdash.service import Client, NotSupported
from tests.foreign_servers import INSTALL_S, installed, served
from tests.free_ports import free_ports

pytestmark = [pytest.mark.long, pytest.mark.timeout(INSTALL_S + 300)]


@pytest.fixture(scope="module")
def fakeai() -> Iterator[str]:
    """Its base URL. It forgets to ask for Pillow."""
    folder = installed("fakeai-0.3.2", "fakeai==0.3.2 pillow==13.0.0")
    (port,) = free_ports(1)
    command = [folder / "bin" / "python", "-m", "uvicorn", "fakeai.app:app", "--host", "127.0.0.1", "--port", str(port)]
    with served(command, f"http://127.0.0.1:{port}/docs", cwd=folder):
        yield f"http://127.0.0.1:{port}/v1"


def test_the_main_flow(fakeai: str):
    client = Client(fakeai, "any", timeout=30)
    assistant = client.create_assistant(model="gpt-4o", name="Stock bot")
    thread = client.create_thread(messages=[{"role": "user", "content": "hello"}])
    run = client.create_run(thread_id=thread.id, assistant_id=assistant.id)
    ids = {"thread_id": thread.id, "run_id": run.id}
    deadline = time.monotonic() + 30
    while run.is_active and time.monotonic() < deadline:
        time.sleep(0.1)
        run = client.retrieve_run(**ids)
    assert (run.status, run.assistant_id) == ("completed", assistant.id)
    assert run.usage.total_tokens > 0
    assert [step.type for step in client.iter_run_steps(**ids)] == ["message_creation"]
    roles = [one.role for one in client.list_messages(thread_id=thread.id)]
    assert sorted(roles) == ["assistant", "user"]  # in any order within a second
    assert [one.id for one in client.list_runs(thread_id=thread.id)] == [run.id]
    assert client.modify_run(**ids, metadata={"a": "b"}).metadata == {"a": "b"}
    with pytest.raises(NotSupported):
        client.list_threads()
    with client.create_run(thread_id=thread.id, assistant_id=assistant.id, stream=True) as stream:
        stream.until_done()
    assert stream.run.status == "completed"
