"""A streamed run as people see it: words before its end, the same for everybody who looks, and a clear end when it breaks off."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import TOOL, run_id_of
from tests.browser.shown import status_is
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

pytestmark = pytest.mark.browser
ANSWER = "#live-output [data-part='text'] .said"
FEW = 10  # words


@pytest.fixture(scope="module")
def writing(prepared: Prepared) -> Iterator[Site]:
    """A dashboard whose upstream writes 25 words a second."""
    with Sandbox(fast=False) as upstream, Site(prepared, upstream, timeout_s=5) as site:
        yield site


@pytest.fixture
def author(visit: Callable[..., Visitor], writing: Site) -> Visitor:
    return visit(writing)


def start(visitor: Visitor, words: str) -> Page:
    """The page of a run started with `stream` from the form."""
    assistant = visitor.site.upstream.post("/assistants", {"model": "gpt-4o", "name": "Stock bot", "tools": [TOOL]})
    page = visitor.open("/runs/new/")
    page.locator("[name=assistant_id_typed]").fill(assistant["id"])
    page.locator("[name=thread-message_text]").fill(words)
    page.locator("[name=stream]").select_option("true")
    page.get_by_role("button", name="Start run").click()
    expect(page.locator("#run")).to_be_visible()
    return page


def words_in(page: Page) -> list[str]:
    return " ".join(page.locator(ANSWER).all_text_contents()).split()


def until_words(page: Page, count: int, *, within_s: float = 10) -> None:
    """Waits here: the page's policy forbids the browser to evaluate a text."""
    deadline = time.monotonic() + within_s
    while len(words_in(page)) < count:
        assert time.monotonic() < deadline, f"{len(words_in(page))} words, not {count}"
        page.wait_for_timeout(50)


def kill_server(site: Site) -> None:
    """SIGKILL to gunicorn and to the process that serves: no time to tidy up."""
    master = site.children[0]
    workers = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
    master.kill()
    for pid in workers:
        os.kill(int(pid), signal.SIGKILL)
    master.wait(timeout=5)


def run_of(page: Page) -> dict:
    return {"thread_id": page.url.split("/threads/")[1].split("/")[0], "id": run_id_of(page.url)}


@pytest.mark.long
def test_words_appear_before_the_run_ends_and_stay_through_a_reload(author: Visitor, writing: Site):
    page = start(author, "/long 400")
    until_words(page, FEW)
    assert writing.upstream.get("/threads/{thread_id}/runs/{id}".format(**run_of(page)))["status"] == "in_progress"
    few = words_in(page)
    expect(page.locator("#live-state [data-reading]")).to_be_visible()

    page.reload()
    again = words_in(page)
    assert again[: len(few) - 1] == few[:-1]
    until_words(page, len(again) + 20)

    status_is(page, "completed", within_s=30)
    expect(page.locator("#live-output")).to_be_hidden()
    told = writing.upstream.answer_text(run_of(page))
    assert len(told.split()) == 400
    page.wait_for_timeout(2500)
    expect(page.locator("#live-output")).to_be_hidden()
    assert not [one for one in author.requests if "/stream/" in one.url]


@pytest.mark.long
def test_everybody_reads_the_same_words_and_nobody_twice(author: Visitor, visit: Callable[..., Visitor], writing: Site):
    page = start(author, "/long 400")  # longer than a busy machine takes for three pages
    until_words(page, FEW)
    pages = [page, visit(writing, "viewer").open(page.url)]
    until_words(pages[1], FEW)
    pages.append(visit(writing, "admin").open(page.url))
    expect(pages[2].locator("#live-mode")).to_have_attribute("value", re.compile("^p.*-1-reading$"))
    until_words(pages[2], len(words_in(pages[2])) + 20)

    shown = [words_in(one) for one in pages]
    assert min(len(words) for words in shown) > 30
    status_is(page, "completed", within_s=40)
    told = writing.upstream.answer_text(run_of(page)).split()
    for words in shown:
        assert words[:-1] == told[: len(words) - 1]


@pytest.mark.long
def test_closing_the_tab_cancels_nothing(author: Visitor, writing: Site):
    page = start(author, "/long 100")
    until_words(page, FEW)
    run, url = run_of(page), page.url
    page.close()

    assert writing.upstream.wait(run, timeout_s=20)["status"] == "completed"
    assert not writing.upstream.requests(method="POST", path=f"{run['id']}/cancel")
    status_is(author.open(url), "completed")


def test_it_stops_for_a_tool_and_goes_on_after_the_answer(author: Visitor, writing: Site):
    page = start(author, "/long 30 /tool get_stock /long 60")
    status_is(page, "requires_action", within_s=15)
    expect(page.locator("#live-output [data-part='arguments'] .said")).to_contain_text("sku")
    expect(page.locator("#live-state")).to_contain_text("Needs an answer")
    before = words_in(page)
    assert len(before) == 30

    page.locator("[data-output]").fill('{"left": 7}')
    expect(page.locator("#tool-outputs [name=stream]")).to_be_checked()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#live-output [data-part='event']").last).to_have_text("The run goes on.")
    until_words(page, len(before) + 3)
    assert words_in(page)[: len(before)] == before
    expect(page.locator("#live-state [data-reading]")).to_be_visible()
    status_is(page, "completed", within_s=20)
    expect(page.locator("#live-output")).to_be_hidden()


@pytest.mark.long
def test_an_upstream_that_dies_leaves_the_words_and_says_so(visit: Callable[..., Visitor], prepared: Prepared):
    with Sandbox(fast=False) as upstream, Site(prepared, upstream, timeout_s=2) as site:
        page = start(visit(site), "/long 400")
        until_words(page, FEW)
        upstream.kill()

        expect(page.locator("#live-note .banner")).to_contain_text("The stream broke off.")
        expect(page.locator("#live-state [data-broken]")).to_be_visible()
        left = words_in(page)
        assert len(left) >= 10
        expect(page.locator("#trouble .banner")).to_be_visible()
        page.reload()
        assert words_in(page) == left
        expect(page.locator("#live-note .banner")).to_contain_text("The stream broke off.")

        upstream.restart()
        status_is(page, "completed", within_s=40)
        expect(page.locator("#live-output")).to_be_hidden()


@pytest.mark.long
def test_a_killed_dashboard_leaves_the_words_and_all_agree_once_it_is_back(
    visit: Callable[..., Visitor], prepared: Prepared
):
    with Sandbox(fast=False) as upstream, Site(prepared, upstream, timeout_s=2) as site:
        page = start(visit(site), "/long 600")  # longer than the silence after which a reader counts as gone
        until_words(page, FEW)
        run, path = run_of(page), page.url.removeprefix(site.url)
        page.close()
        kill_server(site)
        site.serve()

        again = visit(site).open(path)
        assert len(words_in(again)) >= FEW
        expect(again.locator("#live-note .banner")).to_contain_text("stopped while it read this stream", timeout=15_000)
        status_is(again, "completed", within_s=60)
        expect(again.locator("#live-output")).to_be_hidden()
        assert len(upstream.requests(method="POST", path=f"{run['thread_id']}/runs")) == 1
        again.goto(f"{path}?tab=audit")
        expect(again.locator("#run-audit")).to_contain_text("create_run")


@pytest.mark.long
def test_without_script_the_text_so_far_is_there_and_the_page_reloads(
    author: Visitor, visit: Callable[..., Visitor], writing: Site
):
    page = start(author, "/long 150")
    until_words(page, FEW)
    plain = visit(writing, "viewer", java_script_enabled=False).open(page.url)
    assert len(words_in(plain)) >= 10
    assert 'http-equiv="refresh"' in plain.content()
