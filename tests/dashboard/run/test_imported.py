"""A run that was imported has no server: each of its pages renders from what there is, and says what cannot be done."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.dashboard.urls import urlpatterns
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.dashboard.conftest import path_of
from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
IDS = {"thread_id": "thread_1", "run_id": "run_1", "step_id": "step_1", "message_id": "msg_1"}
ALL = [str(one.pattern) for folder in urlpatterns for one in folder.url_patterns]
OF_A_RUN = [route for route in ALL if "<id:" in route and set(re.findall(r":(\w+)>", route)) <= set(IDS)]


@pytest.fixture
def imported(db: None) -> dict:
    run = made_run(
        made_connection("imported", base_url="", is_enabled=False),
        id="run_1",
        thread_id="thread_1",
        instructions="Be brief",
        metadata={"": "no key"},  # which no server takes from us
    )
    shared = {"thread_id": "thread_1", "run_id": "run_1", "created_at": 1_700_000_000, "status": "completed"}
    details = {"type": "message_creation", "message_creation": {"message_id": "msg_1"}}
    step = {**shared, "id": "step_1", "object": "thread.run.step", "type": "message_creation", "step_details": details}
    message = {**shared, "id": "msg_1", "object": "thread.message", "role": "user", "content": []}
    upsert_steps(run, [objects.RunStep.from_raw(step)], fetched_at=timezone.now())
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=timezone.now())
    return {"id": "run_1", "thread_id": "thread_1"}


@pytest.mark.parametrize("route", OF_A_RUN)
def test_every_page_of_it_is_there(admin: Client, imported: dict, route: str) -> None:
    path = "/" + re.sub(r"<id:(\w+)>", lambda part: IDS[part[1]], route)
    answer = admin.get(path, follow=True)
    answer.close()  # a stream holds a viewer's place
    assert answer.status_code in (200, 204, 405)


def test_it_is_copied_with_a_place_for_the_server(viewer: Client, imported: dict) -> None:
    page = page_of(viewer.get(path_of(imported, "copy-as/")))
    said = page.one(id="copy-as").text
    assert "https://your-server/v1/threads/thread_1/runs/run_1" in said
    assert "imported" in said
    assert "No server would take it as it was" in said
