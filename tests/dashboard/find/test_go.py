"""Jumping by id, from /go/ and from the one box."""

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Assistant, Message
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.pages import page_of
from tests.queries import at_most
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
URL = "/go/"
BOX = "/search/"


@pytest.fixture
def run(db: None):
    """A run with a step and a message, and its assistant."""
    prod, now = made_connection(), timezone.now()
    run = made_run(prod, id="run_known", thread_id="thread_known", assistant_id="asst_known")
    created = int(now.timestamp())
    step = {"id": "step_known", "type": "message_creation", "status": "completed", "created_at": created}
    upsert_steps(run, [objects.RunStep.from_raw(step | {"step_details": {}})], fetched_at=now)
    message = {"id": "msg_known", "role": "user", "created_at": created, "content": []}
    later = message | {"id": "msg_later", "created_at": created + 5}
    upsert_messages(run.thread, [objects.Message.from_raw(one) for one in (message, later)], fetched_at=now)
    Assistant.objects.create(connection=prod, upstream_id="asst_known", name="Bot", fetched_at=now)
    return run


RUN_PAGE = "/threads/thread_known/runs/run_known/"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("run_known", RUN_PAGE),
        ("step_known", f"{RUN_PAGE}?step=step_known"),
        ("thread_known", "/threads/thread_known/"),
        ("asst_known", "/assistants/asst_known/"),
        ("  run_known\n", RUN_PAGE),
        ('ERROR {"run_id": "run_known", "thread_id": "thread_known"}', RUN_PAGE),
        ("https://logs.example/threads/thread_known/runs/run_other/x", "/threads/thread_known/runs/run_other/"),
        ("thread_new", "/threads/thread_new/"),
        ("thread_id=thread_unknown123 run_id=run_unknown456", "/threads/thread_unknown123/runs/run_unknown456/"),
        ("thread_id: thread_unknown123", "/threads/thread_unknown123/"),
        ('{"run_status": "failed", "thread_id": "thread_new"}', "/threads/thread_new/"),
    ],
)
def test_it_leads_to_the_page(viewer: Client, run, text: str, url: str) -> None:
    for answer in (viewer.get(URL, {"id": text}), viewer.get(BOX, {"q": text})):
        assert (answer.status_code, answer["Location"]) == (302, url)


def test_a_message_is_on_its_page_of_the_conversation(viewer: Client, run) -> None:
    key = Message.objects.get(upstream_id="msg_known").pk
    address = viewer.get(URL, {"id": "msg_known"})["Location"]
    assert address == f"/threads/thread_known/?at=msg_known#message-{key}"


def test_ids_of_any_shape_are_looked_up(viewer: Client) -> None:
    made_run(made_connection(), id="3fa85f64-5717-4562-b3fc-2c963f66afa6", thread_id="my.thread:7")
    for text in ("3fa85f64-5717-4562-b3fc-2c963f66afa6", "run 3fa85f64-5717-4562-b3fc-2c963f66afa6 failed"):
        assert viewer.get(URL, {"id": text})["Location"].endswith("/runs/3fa85f64-5717-4562-b3fc-2c963f66afa6/")
    assert viewer.get(URL, {"id": "my.thread:7"})["Location"] == "/threads/my.thread:7/"


def test_an_unknown_run_is_explained(viewer: Client, run) -> None:
    page = page_of(viewer.get(URL, {"id": "run_elsewhere"}), status=404)
    assert "only by its thread" in page.one("p", id="search-hint").text
    assert page.one("input", id="search-q")["value"] == "run_elsewhere"


@pytest.mark.parametrize("text", ["no id in here", "<script>", "step_gone", "🙂", "x" * 5000])
def test_nothing_found_is_searched_for_and_says_what_to_do_next(viewer: Client, run, text: str) -> None:
    for page in (page_of(viewer.get(URL, {"id": text}), status=404), page_of(viewer.get(BOX, {"q": text}))):
        assert page.one("input", id="search-q")["value"] == text
        assert "No run, thread, step, message or assistant has this" in page.one("p", id="search-hint").text
        assert page.one("section", id="found-none-panel").all("a", href="/runs/")


def test_an_unknown_lone_word_may_be_a_thread(viewer: Client, run) -> None:
    page = page_of(viewer.get(URL, {"id": "abc-123"}), status=404)
    assert page.all("a", href="/threads/abc-123/?connection=prod")


def test_without_text_it_asks(viewer: Client) -> None:
    for url in (URL, BOX):
        page = page_of(viewer.get(url))
        assert page.one("form", id="search-form")["action"] == BOX
        assert page.one("section", aria_labelledby="found-places").all("a", href="/needs-action/")


def test_an_ambiguous_id_is_a_choice(viewer: Client, run) -> None:
    made_run(made_connection("other"), id="run_known", thread_id="thread_known")
    page = page_of(viewer.get(URL, {"id": "run_known"}), status=300)
    choices = {row["data-connection"]: row.one("a")["href"] for row in page.all("tr", data_connection=True)}
    assert viewer.get(choices["other"])["Location"] == f"{RUN_PAGE}?connection=other"
    assert viewer.get(URL, {"id": "run_known", "connection": "prod"})["Location"] == f"{RUN_PAGE}?connection=prod"


def test_the_connection_is_carried_to_what_is_not_known(viewer: Client, run) -> None:
    answer = viewer.get(URL, {"id": "thread_new", "connection": "prod"})
    assert answer["Location"] == "/threads/thread_new/?connection=prod"
    assert viewer.get(URL, {"id": "thread_new", "connection": "none"}).status_code == 404


def test_queries_do_not_grow_with_ids(viewer: Client, run) -> None:
    with at_most(30):
        viewer.get(URL, {"id": " ".join(f"step_{number}" for number in range(500))})


def test_who_may_look(client: Client, viewer: Client) -> None:
    assert client.get(URL, {"id": "run_x"}).status_code == 302
    assert viewer.post(URL).status_code == 405
