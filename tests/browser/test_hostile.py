"""Hostile texts in Chromium: through the sandbox where it takes them, through the index for the rest. Nothing executes."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.browser.paths import TOOL, run_path
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.hostile import HOSTILE
from tests.upstream import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]
TEXTS = [text for _, text in HOSTILE]
# What of a page is not ours. Own scripts and styles come from /static/, own images from /files/.
INTRUDERS = """() => {
    const wrong = [];
    const count = (name, wanted) => {
        const found = document.querySelectorAll(name).length;
        if (found !== wanted) wrong.push(`${found} × ${name}`);
    };
    for (const name of ["main#main", "header.topbar", "footer.foot", "body", "head > title", "#toasts"]) count(name, 1);
    for (const name of ["iframe", "object", "embed", "base", "style", "math", "frame", "portal", "video", "audio", "font"]) count(name, 0);
    for (const one of document.querySelectorAll("*")) {
        const says = () => `${one.tagName} ${one.outerHTML.slice(0, 160)}`;
        for (const { name } of one.attributes) if (/^(on|hx-on|data-hx|style$|srcdoc$)/i.test(name)) wrong.push(says());
        if (one.matches("script:not([src^='/static/']), link:not([href^='/static/'], [rel=icon]), img:not([src^='/files/'])")) wrong.push(says());
        // Our script names the icon in full.
        if (one.matches("link[rel=icon]") && !one.href.startsWith(`${location.origin}/`)) wrong.push(says());
        if (one.matches("form") && new URL(one.getAttribute("action") || "", location).origin !== location.origin) wrong.push(says());
        if (one.matches("[formaction]:not([formaction^='/']), [formaction^='//']")) wrong.push(says());
        if (one.matches("a[href]") && !/^(https?|mailto):$/.test(new URL(one.getAttribute("href"), location).protocol)) wrong.push(says());
    }
    if (!document.title.endsWith("RunsDash")) wrong.push(`title ${document.title}`);
    if (window.__pwned !== undefined) wrong.push("a text ran");
    if (getComputedStyle(document.body).display === "none") wrong.push("a text has styled the page");
    return wrong;
}"""


@pytest.fixture(scope="module")
def besieged(prepared: Prepared) -> Iterator[Site]:
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        yield site


@pytest.fixture(scope="module")
def told_by_server(besieged: Site) -> list[dict]:
    """A run for each text, made by the API: in message, metadata, instructions, assistant, and as tool output."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda number: told(besieged.upstream, number, TEXTS[number]), range(len(TEXTS))))


def told(upstream: Sandbox, number: int, text: str) -> dict:
    text = text.encode("utf-8", "replace").decode()  # half surrogate pairs are refused there
    assistant = {"model": "gpt-4o", "name": text[:256], "instructions": text, "tools": [TOOL]}
    maker = upstream.post("/assistants", assistant)
    metadata = {f"{number}": text[:512], text[:60] + "k": "v"}
    words = f"/tool get_stock {text}"
    run = upstream.run(words, assistant_id=maker["id"], instructions=text, metadata=metadata)
    run = upstream.wait(run, "requires_action")
    if number % 4:
        upstream.answer(run, text)
        run = upstream.wait(run)
    return run


@pytest.fixture(scope="module")
def written_to_index(besieged: Site) -> list[dict]:
    return json.loads(besieged.run("-m", "tests.hostile_rows"))


def opened(page: Page, path: str) -> None:
    page.goto(path)
    wrong = page.evaluate(INTRUDERS)
    assert not wrong, f"{path}: {wrong[:5]}"
    assert len(page.frames) == 1, path


def test_texts_that_came_from_the_server(visit: Callable[..., Visitor], besieged: Site, told_by_server: list[dict]):
    visitor = visit(besieged)
    page = visitor.context.new_page()
    for number, run in enumerate(told_by_server):
        opened(page, run_path(run, "?tab=conversation"))
        if number % 3 == 0:
            opened(page, run_path(run))
            page.locator("#timeline tr[data-step-id] a").first.click()
            page.locator("#step-panel[data-step-id]").wait_for()
            assert not page.evaluate(INTRUDERS)


def test_texts_in_the_index(visit: Callable[..., Visitor], besieged: Site, written_to_index: list[dict]):
    visitor = visit(besieged, "admin")
    visitor.expected_statuses = {404, 414}  # of images whose file is none, or whose id is longer than an address may be
    page = visitor.context.new_page()
    for run in written_to_index:
        views = [
            "?tab=conversation",
            "?tab=raw",
            "?tab=audit",
            "metadata/",
            *[f"?step={step}" for step in run["steps"]],
        ]
        for more in ["", "tool-outputs/"] if run["waits"] else views:
            opened(page, run_path(run, more))
        opened(page, f"/threads/{run['thread_id']}/")
    for path in (
        "/",
        "/runs/?limit=100",
        "/threads/",
        "/audit/",
        "/audit/1/",
        "/connections/",
        "/connections/archive/",
    ):
        opened(page, path)


def test_texts_in_an_address(visit: Callable[..., Visitor], besieged: Site):
    visitor = visit(besieged)
    visitor.expected_statuses = {400, 404}
    page = visitor.context.new_page()
    for text in TEXTS:
        text = text.encode("utf-8", "replace").decode()[:200]  # the server itself refuses long addresses
        opened(page, f"/go/?{urlencode({'id': text})}")
        opened(page, f"/runs/?{urlencode({'q': text})}")
