"""The main flow against myla of PyPI, a server that nobody here wrote, in an environment of its own.

It asks for torch, which pip may take many minutes for: several GB where it finds no build for processors alone.
"""

import json
import os
import time
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from runsdash.service import Client, NotSupported, Run
from tests.foreign_servers import INSTALL_S, installed, served
from tests.free_ports import free_ports
from tests.sandbox.engine.test_chat import USAGE, Model

pytestmark = [pytest.mark.long, pytest.mark.timeout(2 * INSTALL_S + 300)]
LOGIN = {"username": "admin", "password": "admin"}  # the account that it makes


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    server = Model()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def myla(model: Model) -> Iterator[Client]:
    folder = installed("myla-0.2.40", "torch==2.13.0", "myla==0.2.40 itsdangerous==2.2.0")
    (port,) = free_ports(1)
    command = [folder / "bin" / "python", "-m", "myla", "-H", "127.0.0.1", "-p", str(port), "--data", folder / "data"]
    settings = {"LLM_ENDPOINT": f"{model.url}/", "LLM_API_KEY": "k", "DEFAULT_LLM_MODEL_NAME": "m"}
    base_url = f"http://127.0.0.1:{port}/api/v1"
    with served(command, f"{base_url}/assistants", cwd=folder, env=os.environ | settings):
        body, headers = json.dumps(LOGIN).encode(), {"Content-Type": "application/json"}
        with urlopen(Request(f"{base_url}/users/admin/login", body, headers)) as reply:
            key = json.load(reply)["secret_key"]["id"]
        yield Client(base_url, key, timeout=30)


def ended(client: Client, run: Run) -> Run:
    deadline = time.monotonic() + 120  # its first run loads what it has of torch
    while run.is_active and time.monotonic() < deadline:
        time.sleep(0.2)
        run = client.retrieve_run(thread_id=run.thread_id, run_id=run.id)
    return run


def test_the_main_flow(myla: Client, model: Model):
    model.streams = False
    said = {"role": "assistant", "content": "Seven are left."}
    model.replies = [[{"choices": [{"message": said}], "usage": USAGE}]]
    assistant = myla.create_assistant(model="m", name="Stock bot", instructions="You count.")
    thread = myla.create_thread()
    myla.create_message(thread_id=thread.id, role="user", content="How many are left?")
    run = ended(myla, myla.create_run(thread_id=thread.id, assistant_id=assistant.id))
    assert run.last_error is None, run.last_error.message
    assert (run.status, run.assistant_id, run.usage) == ("completed", assistant.id, None)
    messages = {one.role: one for one in myla.list_messages(thread_id=thread.id)}
    assert messages["assistant"].content[0].text == "Seven are left."
    ids = {"thread_id": thread.id, "run_id": run.id}
    assert list(myla.iter_run_steps(**ids)) == []  # it keeps none
    assert [one.id for one in myla.list_runs(thread_id=thread.id)] == [run.id]
    assert myla.modify_run(**ids, metadata={"a": "b"}).metadata == {"a": "b"}
    assert thread.id in [one.id for one in myla.iter_threads()]
    assert run.created_at <= run.ended_at.replace(microsecond=999_999)  # created in milliseconds, ended in seconds
    with pytest.raises(NotSupported):
        myla.create_thread_and_run(assistant_id=assistant.id)
