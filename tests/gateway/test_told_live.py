"""A program of the official SDK with the hook of docs/ingest.md: each event is on RunsDash's pages within two seconds.

RunsDash has no worker, no key for the server and no address of it. It is served by the delivered server.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from openai import OpenAI

from runsdash.accounts.tokens import new_token
from runsdash.index.models import Run
from tests.pages import Element, parsed
from tests.rows import made_connection
from tests.served import Served, cookie_of, served
from tests.upstream import Sandbox

pytestmark = [
    pytest.mark.long,
    pytest.mark.clock,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning"),
]
WITHIN_S = 2.0
TOOL = {"type": "function", "function": {"name": "get_stock", "parameters": {"type": "object", "properties": {}}}}


class Pages:
    """RunsDash's pages as a browser gets them, and whether they show an event yet."""

    def __init__(self, dashboard: Served, cookie: str) -> None:
        self.dashboard, self.headers = dashboard, {"Cookie": cookie}
        self.shown: list[str] = []

    @property
    def statuses(self) -> list[str]:
        """What was shown of the run, in order."""
        return [name.removeprefix("thread.run.") for name in self.shown if name.count(".") == 2 and ".run." in name]

    def page(self, path: str) -> Element:
        wire = self.dashboard.dial()
        with closing(wire):
            wire.request("GET", path, headers=self.headers)
            answer = wire.getresponse()
            body = answer.read().decode()
        assert answer.status == 200, (path, answer.status)
        return parsed(body)

    def follow(self, event: Any) -> None:
        """Waits until the page shows the event's object as it is in the event; fails after two seconds."""
        name, data = event.event, event.data
        if not name.startswith("thread.") or name.endswith(".delta"):
            return
        self.wait(self.reader(name, data), f"{name} of {data.id}")
        self.shown.append(name)

    def wait(self, is_shown: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not is_shown():
            assert time.monotonic() < deadline, f"{what} was not shown within {WITHIN_S} s"

    def reader(self, name: str, data: Any) -> Callable[[], bool]:
        if name.startswith("thread.run.step."):
            return lambda: self.shows_step(data)
        if name.startswith("thread.run."):
            return lambda: self.shows_run(data)
        if name.startswith("thread.message."):
            return lambda: self.shows_message(data)
        return lambda: bool(self.page(f"/threads/{data.id}/").all(data_thread_id=data.id))

    def shows_run(self, run: Any) -> bool:
        page = self.page(f"/threads/{run.thread_id}/runs/{run.id}/")
        row = self.page("/runs/").one("tr", data_run_id=run.id)
        statuses = {one["data-status"] for one in (*page.all(data_run_id=run.id, data_status=True), row)}
        return statuses == {run.status}

    def shows_step(self, step: Any) -> bool:
        page = self.page(f"/threads/{step.thread_id}/runs/{step.run_id}/?step={step.id}")
        rows = page.all("tr", data_step_id=step.id)
        return bool(rows) and ("now-row" in rows[0].classes) is (step.status == "in_progress")

    def shows_message(self, message: Any) -> bool:
        page = self.page(f"/threads/{message.thread_id}/runs/{message.run_id}/?tab=conversation")
        text = " ".join(part.text.value for part in message.content if part.type == "text")
        shown = page.one(id="conversation").all(data_message_id=message.id)
        return bool(shown) and all(word in shown[0].text for word in re.findall(r"[a-z]{5,}", text))


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    """One that takes its time, so that each state lasts."""
    with Sandbox(fast=False) as server:
        yield server


@dataclass
class Program:
    """A client of the server, the hook of the documents with a look at the pages after each event, and the pages."""

    client: OpenAI
    followed: type
    tell: Callable[[Any], None]
    pages: Pages

    def told(self, run: Any) -> Any:
        """Tells what a call answered, and waits until the pages show the run so."""
        self.tell(run)
        self.pages.wait(lambda: self.pages.shows_run(run), f"{run.status} of {run.id}")
        return run

    def cancelled(self, run: Any) -> Any:
        return self.told(self.client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id))


@pytest.fixture
def program(transactional_db: None, own_sandbox: Sandbox, viewer: Client) -> Iterator[Program]:
    made_connection("shop", base_url="", is_enabled=False)
    token, secret = new_token(name="shop", scopes=["ingest"], user=None, days=None)
    token.save()
    (code,) = re.findall(r"```python\n(.*?)```", Path("docs/ingest.md").read_text(), re.DOTALL)
    with served() as dashboard, OpenAI(base_url=own_sandbox.base_url, api_key=own_sandbox.api_key) as client:
        code = code.replace("https://runs.example.org", f"http://127.0.0.1:{dashboard.port}").replace("rdt_…", secret)
        names: dict[str, Any] = {}
        exec(code, names)
        pages = Pages(dashboard, cookie_of(viewer))

        class Followed(names["Telling"]):
            def on_event(self, event: Any) -> None:
                super().on_event(event)
                pages.follow(event)

        yield Program(client, Followed, names["tell"], pages)


def test_every_event_is_shown_within_two_seconds(program: Program) -> None:
    client, followed, pages = program.client, program.followed, program.pages
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "/code 6*7 /tool get_stock"}])
    started = {"thread_id": thread.id, "assistant_id": "asst_sandbox_dispatch", "tools": [TOOL]}
    with client.beta.threads.runs.stream(**started, event_handler=followed()) as stream:
        stream.until_done()
    run = client.beta.threads.runs.list(thread.id).data[0]
    assert run.status == "requires_action"
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": call.id, "output": "seven left"}]
    answered = {"thread_id": thread.id, "run_id": run.id, "tool_outputs": outputs}
    with client.beta.threads.runs.submit_tool_outputs_stream(**answered, event_handler=followed()) as stream:
        stream.until_done()
    assert pages.statuses == [
        "created",
        "queued",
        "in_progress",
        "requires_action",
        "queued",
        "in_progress",
        "completed",
    ]
    assert pages.shown.count("thread.run.step.completed") == 3
    assert pages.shown.count("thread.message.completed") == 1
    row = Run.objects.get()
    assert (row.status, row.is_settled, row.step_count) == ("completed", True, 3)
    assert "seven left" in row.reply


def test_a_run_that_fails_and_one_whose_thread_is_made_with_it(program: Program) -> None:
    client, followed, pages = program.client, program.followed, program.pages
    given = {"messages": [{"role": "user", "content": "/fail rate_limit_exceeded"}]}
    started = {"assistant_id": "asst_sandbox_dispatch", "thread": given}
    with client.beta.threads.create_and_run_stream(**started, event_handler=followed()) as stream:
        stream.until_done()
    assert pages.shown[0] == "thread.created"
    assert pages.shown[-1] == "thread.run.failed"
    assert "thread.message.incomplete" in pages.shown
    assert Run.objects.get().error_code == "rate_limit_exceeded"


def test_a_run_that_is_cancelled_while_it_is_streamed(program: Program) -> None:
    answers: list[str] = []

    class Cancelling(program.followed):
        def on_event(self, event: Any) -> None:
            super().on_event(event)
            if event.event == "thread.run.in_progress":
                answers.append(program.cancelled(event.data).status)

    given = {"messages": [{"role": "user", "content": "/slow 60"}]}
    started = {"assistant_id": "asst_sandbox_dispatch", "thread": given}
    with program.client.beta.threads.create_and_run_stream(**started, event_handler=Cancelling()) as stream:
        stream.until_done()
    assert answers == ["cancelling"]
    assert program.pages.statuses == ["created", "queued", "in_progress", "cancelling", "cancelled"]
    assert Run.objects.get().status == "cancelled"


def test_a_waiting_run_that_is_cancelled_and_polled_to_its_end(program: Program) -> None:
    runs, shown = program.client.beta.threads.runs, []
    given = {"messages": [{"role": "user", "content": "/tool get_stock"}]}
    started = {"assistant_id": "asst_sandbox_dispatch", "thread": given, "tools": [TOOL]}
    with program.client.beta.threads.create_and_run_stream(**started, event_handler=program.followed()) as stream:
        stream.until_done()
    run = program.cancelled(stream.current_run)
    while not shown or shown[-1] == "cancelling":
        shown.append(run.status)
        run = program.told(runs.retrieve(run.id, thread_id=run.thread_id))
    assert set(shown) == {"cancelling", "cancelled"}
    row = Run.objects.get()
    assert (row.status, row.waits_for) == ("cancelled", "")
