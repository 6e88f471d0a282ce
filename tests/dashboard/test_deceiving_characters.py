"""Characters that turn the direction of a text or hide are written out wherever a page shows outside text."""

import time

import pytest
from django.test import Client

from runsdash.dashboard.rendering.visible import DECEIVING, visible, visible_page
from tests.dashboard.conftest import path_of
from tests.hostile_rows import hostile_run, id_of
from tests.pages import page_of, parsed
from tests.people import HTMX
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
BIDI = "abc\u202edcba\u2066x\u2069\x1b[31mred\x1b[0m"
SHOWN = {"title", "alt", "aria-label", "placeholder"}


@pytest.fixture
def run(db: None) -> dict:
    connection = made_connection("archive", base_url="", is_enabled=False, name=BIDI)
    hostile_run(connection, "b", [BIDI])
    hostile_run(connection, "w", [BIDI], waits=True)
    return {
        "id": id_of("run", "b"),
        "thread_id": id_of("thread", "b"),
        "steps": [id_of("step", f"bx{at}") for at in range(7)],
    }


def test_no_page_shows_one(admin: Client, run: dict) -> None:
    tabs = ["", "?tab=conversation", "?tab=raw", "?tab=audit", "metadata/", "copy-as/", "rerun/", "cancel/"]
    waiting = {"id": id_of("run", "w"), "thread_id": id_of("thread", "w")}
    paths = [path_of(run, one) for one in [*tabs, *(f"?step={step}" for step in run["steps"])]]
    paths += [
        path_of(waiting, "tool-outputs/"),
        f"/threads/{run['thread_id']}/",
        "/",
        "/runs/",
        "/threads/",
        "/needs-action/",
    ]
    paths += ["/functions/", "/audit/", "/audit/1/", "/connections/", "/connections/archive/"]
    paths += [f"/compare/?a={run['id']}&b={waiting['id']}", f"/go/?id={BIDI}", f"/runs/?q={BIDI}", "/?group=model"]
    for path in paths:
        for headers in ({}, HTMX):
            answer = admin.get(path, headers=headers)
            for one in parsed(answer).descendants():
                texts = [child for child in one.children if isinstance(child, str) and one.tag != "textarea"]
                texts += [value for name, value in one.attributes.items() if name in SHOWN]
                assert not [text for text in texts if DECEIVING.search(text)], (path, one.tag, texts)


def test_what_is_copied_or_typed_is_as_it_was(operator: Client) -> None:
    run = made_run(made_connection("archive", base_url="", is_enabled=False), id=f"run_{BIDI}", thread_id="thread_1")
    page = page_of(operator.get("/threads/thread_1/", follow=True))
    assert run.upstream_id in [one["data-copy"] for one in page.all("button", data_copy=True)]
    typed = page_of(operator.get("/go/", {"id": BIDI}), status=404)
    assert typed.one("input", id="search-q")["value"] == BIDI


def test_colours_of_terminals_are_no_text() -> None:
    assert (
        visible("\x1b[1;31mred\x1b[0m \x1b[38;5;9mx\x1b[K\x1b]8;;http://a\x07link\x1b]8;;\x07 \x1b lone")
        == "red xlink [U+001B] lone"
    )


@pytest.mark.clock
@pytest.mark.parametrize("part", ["\x1b[", "\x1b]", "\u202e", "<a ", "<textarea>", "\x1b[1;", "\x1b]8;;"])
def test_it_takes_time_in_proportion(part: str) -> None:
    def took(times: int) -> float:
        start = time.thread_time()
        visible_page(("\x01" + part * times).encode())
        return time.thread_time() - start

    assert took(20_000) < 0.05 + 8 * took(5_000)
