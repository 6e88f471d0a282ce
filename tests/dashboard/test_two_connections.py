"""Two servers with the same ids and other content: lists, figures, views, rules and exports keep to one of them."""

import io
import zipfile

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Connection, Run, SavedView
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.conditions import look_at
from runsdash.notify.models import Rule
from runsdash.service import objects
from tests.dashboard.conftest import LATER
from tests.pages import parsed
from tests.rows import made_connection, made_run, roll_all_up, waiting_for

pytestmark = pytest.mark.django_db
MARKS = {"one": "alphaword", "two": "betaword"}
THREAD, RUN, WAITING, STEP, MESSAGE = "thread_same", "run_same", "run_waits", "step_same", "msg_same"
RUN_PATH = f"/threads/{THREAD}/runs/{RUN}/"


def made_server(slug: str) -> Connection:
    """A server that is off, with a run that has ended and one that waits; its own word stands in all of it."""
    word, connection, now = MARKS[slug], made_connection(slug, is_enabled=False), timezone.now()
    thread = objects.Thread.from_raw({"id": THREAD, "object": "thread", "created_at": 1, "metadata": {"who": word}})
    (row,) = upsert_threads(connection, [thread], fetched_at=now).values()
    assistant = {"id": "asst_same", "object": "assistant", "name": f"{word} desk", "model": f"{word}-model"}
    upsert_assistants(connection, [objects.Assistant.from_raw(assistant)], fetched_at=now)
    shared = {
        "thread_id": THREAD, "assistant_id": "asst_same", "model": f"{word}-model", "metadata": {"who": word},
        "instructions": f"Say {word}.",
    }  # fmt: skip
    asked = waiting_for(f"ask_{word}")
    made_run(connection, id=WAITING, status="requires_action", required_action=asked, age_s=50, **shared)
    run = made_run(connection, id=RUN, **shared)
    call = {
        "id": "call_same",
        "type": "function",
        "function": {"name": f"find_{word}", "arguments": f'{{"a":"{word}"}}'},
    }
    step = {
        "id": STEP, "run_id": RUN, "thread_id": THREAD, "type": "tool_calls", "status": "completed",
        "created_at": int(run.created_at.timestamp()) + 2, "completed_at": int(run.created_at.timestamp()) + 3,
        "step_details": {"type": "tool_calls", "tool_calls": [call]},
    }  # fmt: skip
    upsert_steps(run, [objects.RunStep.from_raw(step)], fetched_at=now)
    said = {
        "id": MESSAGE, "object": "thread.message", "thread_id": THREAD, "role": "user",
        "created_at": int(run.created_at.timestamp()) - 1, "content": [{"type": "text", "text": {"value": f"Is it {word}?"}}],
    }  # fmt: skip
    upsert_messages(row, [objects.Message.from_raw(said)], fetched_at=now)
    Run.objects.filter(connection=connection).update(checked_at=LATER, steps_checked_at=LATER)
    return connection


@pytest.fixture
def servers(db: None) -> list[Connection]:
    made = [made_server(slug) for slug in MARKS]
    roll_all_up()
    return made


def text_of(answer: HttpResponse) -> str:
    content = answer.getvalue()
    if answer["Content-Type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = b"".join(packed.read(name) for name in packed.namelist())
    return content.decode()


LISTS = [
    "/runs/", "/runs/?q=status:completed", "/runs/facets/", "/runs/totals/", "/runs/export.csv", "/runs/export.jsonl",
    "/threads/", "/threads/facets/", "/needs-action/", "/bulk/new/", "/", "/?group=model", "/?group=model&format=csv",
    "/?group=metadata.who", "/assistants/asst_same/",
]  # fmt: skip
OBJECTS = [
    RUN_PATH, f"{RUN_PATH}?tab=raw", f"{RUN_PATH}?tab=conversation", f"{RUN_PATH}?step={STEP}", f"{RUN_PATH}live/",
    f"{RUN_PATH}raw.json", f"{RUN_PATH}export.zip", f"{RUN_PATH}steps/{STEP}/raw.json", f"{RUN_PATH}copy-as/",
    f"{RUN_PATH}metadata/", f"{RUN_PATH}rerun/", f"/threads/{THREAD}/", f"/threads/{THREAD}/live/",
    f"/messages/{MESSAGE}/raw.json", f"/messages/{MESSAGE}/text/", f"/threads/{THREAD}/runs/{WAITING}/tool-outputs/",
]  # fmt: skip
SILENT = {"/bulk/new/", "/runs/facets/", "/threads/facets/", "/runs/totals/", f"{RUN_PATH}copy-as/"}  # may name neither


def narrowed(path: str, slug: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}connection={slug}"


@pytest.mark.parametrize("path", [*LISTS, *OBJECTS])
def test_an_address_with_a_connection_shows_that_one_alone(servers, operator: Client, path: str) -> None:
    for slug, word in MARKS.items():
        (other,) = set(MARKS.values()) - {word}
        answer = operator.get(narrowed(path, slug))
        text = text_of(answer)
        assert answer.status_code == 200, text[:300]
        assert other not in text, path
        assert path in SILENT or word in text, path


@pytest.mark.parametrize(
    "path", ["/runs/", "/runs/export.csv", "/runs/export.jsonl", "/", "/?group=model", "/threads/"]
)
def test_a_filter_by_connection_does_the_same(servers, viewer: Client, path: str) -> None:
    text = text_of(viewer.get(f"{path}{'&' if '?' in path else '?'}q=connection:two"))
    assert MARKS["two"] in text
    assert MARKS["one"] not in text.replace(f"connection:{MARKS['one']}", "")


@pytest.mark.parametrize("path", OBJECTS)
def test_an_address_without_one_asks_which(servers, operator: Client, path: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 300
    links = {link["href"] for link in parsed(answer).one("main").all("a")}
    assert {one.rpartition("connection=")[2] for one in links if "connection=" in one} >= set(MARKS)


def test_links_of_lists_lead_to_their_own(servers, viewer: Client) -> None:
    page = parsed(viewer.get("/runs/"))
    links = {link["href"] for link in page.one("main").all("a") if link["href"].startswith(RUN_PATH)}
    assert {narrowed(RUN_PATH, slug) for slug in MARKS} <= links


def test_a_saved_view_and_a_rule_keep_to_their_connection(servers, operator: Client) -> None:
    cache.clear()
    view = SavedView.objects.create(owner=operator.user, name="of two", query="connection:two", sort="-created_at")
    page = parsed(operator.get("/runs/views/"))
    (link,) = {one["href"] for one in page.all("a") if "connection%3Atwo" in one["href"] and "/runs/?" in one["href"]}
    listed = parsed(operator.get(link)).all("tr", data_run_id=True)
    assert sorted(row["data-run-id"] for row in listed) == [RUN, WAITING]
    rule = Rule.objects.create(
        name="Flood", event="run_count", threshold=0, view=view, period_s=900, check_at=timezone.now(),
        emails="ops@example.org", created_by="operator", sealed_secret=seal("s"),
    )  # fmt: skip
    look_at(rule)
    rule.refresh_from_db()
    assert rule.counted == 2
