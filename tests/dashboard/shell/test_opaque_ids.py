"""Ids are opaque: whatever an upstream calls its objects, their pages are found under their links."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runsdash.dashboard.rendering.files import file_url
from runsdash.dashboard.shell.converters import IdConverter
from runsdash.dashboard.shell.links import run_url, thread_url
from runsdash.dashboard.urls import urlpatterns
from runsdash.index.ids import OUR_WORDS, found_ids
from runsdash.index.keeping.archive import keep_file
from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.pages import parsed
from tests.rows import made_connection, made_run

IDS = ["a/b", "//x", "a?b#c", "..", "a~2Fb", "new", "é/ü b;c=d&e+'\"<b>"]
LIKE_THEM = ["/", "a\\b", "100%", "a%2Fb", ".", "add"]
PAGES = {"run": "", "run_raw": "raw.json", "run_zip": "export.zip", "run_live": "live/", "cancel": "cancel/"}
UNFIT = set("/\\?#%")


@pytest.fixture(params=[*IDS, *(pytest.param(one, marks=pytest.mark.long) for one in LIKE_THEM)])
def run(request: pytest.FixtureRequest, db: None) -> Run:
    """A run with a step, a message and a file; all of them, and the thread, have the same id. Nobody asks a server."""
    one, now = request.param, timezone.now()
    run = made_run(made_connection(is_enabled=False), id=one, thread_id=one)
    shared = {"id": one, "thread_id": one, "created_at": 1_700_000_000}
    details = {"type": "message_creation", "message_creation": {"message_id": one}}
    step = {**shared, "object": "thread.run.step", "run_id": one, "status": "completed", "step_details": details}
    message = {**shared, "object": "thread.message", "role": "user", "content": []}
    upsert_steps(run, [objects.RunStep.from_raw(step | {"type": "message_creation"})], fetched_at=now)
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=now)
    keep_file(run.connection, one, content=b"x", content_type="text/plain", fetched_at=now)
    return run


@pytest.mark.parametrize("one", [*IDS, *LIKE_THEM, "...", "~", "~7E", "live"])
def test_an_id_comes_back_as_it_went(one: str) -> None:
    written = IdConverter().to_url(one)
    assert IdConverter().to_python(written) == one
    assert not set(written) & UNFIT


@pytest.mark.parametrize("one", ["run_abc-1", "3f2b7c9e-0d4e-4a57-9a1e-5a9a1c0f3d22", "a.b", "thread_1:x", "newer"])
def test_an_ordinary_id_is_written_as_it_is(one: str) -> None:
    assert IdConverter().to_url(one) == one


def test_our_words_are_those_that_stand_where_an_id_could() -> None:
    routes = [str(one.pattern).split("/") for folder in urlpatterns for one in folder.url_patterns]
    before_ids = [route[:place] for route in routes for place, part in enumerate(route) if part.startswith("<id:")]
    rivals = {route[len(start)] for start in before_ids for route in routes if route[:-1][: len(start)] == start}
    assert {part for part in rivals if not part.startswith("<")} - {""} == OUR_WORDS


def test_the_list_leads_to_the_pages_of_a_run(operator: Client, run: Run) -> None:
    row = parsed(operator.get("/runs/")).one("tr", data_run_id=run.upstream_id)
    for name, rest in PAGES.items():
        answer = operator.get(row.one("th").one("a")["href"] + rest)
        assert (answer.status_code, answer.wsgi_request.resolver_match.view_name) == (200, name)
        assert answer.wsgi_request.resolver_match.kwargs == {"thread_id": run.upstream_id, "run_id": run.upstream_id}
        saved_as = answer.get("Content-Disposition", "").partition('filename="')[2].rstrip('"')
        assert bool(saved_as) == (name in {"run_raw", "run_zip"})
        assert not set(saved_as) & UNFIT


def test_what_belongs_to_a_run(viewer: Client, run: Run) -> None:
    one = run.upstream_id
    step_raw, message_raw = reverse("step_raw", args=[one, one, one]), reverse("message_raw", args=[one])
    for url, kind in ((step_raw, "thread.run.step"), (message_raw, "thread.message")):
        assert json.loads(b"".join(viewer.get(url)))["object"] == kind
    page = viewer.get(reverse("run", args=[one, one]), {"tab": "timeline", "step": one})
    assert parsed(page).all("a", href=step_raw)
    assert viewer.get(file_url(one)).content == b"x"
    assert viewer.get(thread_url(run.thread)).context["thread"].upstream_id == one


def test_the_copy_is_shown_where_a_server_is_asked_for_such_an_id(operator: Client, run: Run) -> None:
    Connection.objects.update(is_enabled=True)
    for name in ("run", "run_live", "cancel"):
        answer = operator.get(reverse(name, args=[run.upstream_id, run.upstream_id]))
        assert (answer.status_code, answer.wsgi_request.resolver_match.view_name) == (200, name)
    assert operator.get(thread_url(run.thread)).context["thread"].upstream_id == run.upstream_id


def test_what_leads_elsewhere(viewer: Client, run: Run) -> None:
    for path, name in (("/go/?id=", "run"), ("/functions/?name=", "function")):
        typed = {path.split("?")[1].rstrip("="): run.upstream_id}
        answer = viewer.get(path.split("?")[0], typed, follow=True)
        assert (answer.status_code, answer.wsgi_request.resolver_match.view_name) == (200, name)
        assert run.upstream_id in answer.wsgi_request.resolver_match.kwargs.values()


def test_a_pasted_address_leads_there(viewer: Client, run: Run) -> None:
    for path in (run_url(run), thread_url(run.thread)):
        # The thread has the same id as its run, which is looked for first.
        for text in (f"http://testserver{path}", f"see {path}?tab=raw, it hangs"):
            assert viewer.get("/go/", {"id": text}).get("Location") == run_url(run), text


@pytest.mark.parametrize("text", ["GET /threads/a~2Fb, twice", "https://api.example/v1/threads/a%2Fb/runs?limit=1"])
def test_an_address_names_ids_to_add(text: str) -> None:
    assert [(one.kind, one.upstream_id) for one in found_ids(text)] == [("thread", "a/b")]
