"""Hostile texts in Chromium: through the sandbox where it takes them, through the index for the rest. Nothing executes."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from tests.accounts.test_access import table
from tests.browser.axe import FITS
from tests.browser.paths import TOOL, run_path
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.cluster.several import eventually
from tests.hostile import HOSTILE
from tests.hostile_many import MANY
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


def opened(page: Page, path: str) -> int:
    """Opens a page, looks for what is not ours, and returns its status."""
    answer = page.goto(path)
    wrong = page.evaluate(INTRUDERS)
    assert not wrong, f"{path}: {wrong[:5]}"
    assert len(page.frames) == 1, path
    assert page.evaluate(FITS), f"{path} is wider than the window"
    return answer.status


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


# Nothing to open: parts of pages, which these ask for themselves, files, and what ends or begins a session.
NO_PAGE = re.compile(
    r"/(live|frame|facets|totals|suggest|stream|rows/<key>|imports|deliveries|columns|logout|callback|download|text)/$|[.](json|zip|csv|jsonl|svg)$|^/(files|healthz|readyz|metrics|icon)"
)
STRANGE = {404, 403, 410, 414}  # answered with a page of ours, which is looked at as well


@pytest.fixture(scope="module")
def everywhere(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict]]:
    """A dashboard of its own with hostile texts in all that it has; a part of the runs came by a file, a part was sent in."""
    folder = tmp_path_factory.mktemp("hostile")
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        made = json.loads(site.run("-m", "tests.hostile_own", str(folder)))
        headers = {"Authorization": f"Bearer {made['secret']}", "Content-Type": "application/x-ndjson"}
        body = (folder / "sent.jsonl").read_bytes()
        with urllib.request.urlopen(urllib.request.Request(f"{site.url}/ingest/sent/", body, headers)) as answer:
            assert json.loads(answer.read())["refused"] == 0
        yield site, made


def test_there_are_four_hundred_texts_in_all_fields(everywhere: tuple[Site, dict]):
    assert len({*MANY, *TEXTS}) >= 400
    assert everywhere[1]["fields"] >= 30


def addresses(ids: dict[str, str]) -> list[str]:
    """Every page of docs/access.md, by the ids of rows that are there."""
    found = []
    for route, method in table():
        if method == "GET" and not NO_PAGE.search(route):
            key = next((value for begin, value in ids.items() if route.startswith(begin)), "1")
            found.append(re.sub(r"<(\w+)>", lambda name, key=key: ids.get(name[1], key), route))
    return found


@pytest.mark.timeout(600)
def test_every_page_with_hostile_texts_in_every_field(visit: Callable[..., Visitor], everywhere: tuple[Site, dict]):
    site, made = everywhere
    visitor = visit(site, "admin", viewport={"width": 1280, "height": 900})
    visitor.expected_statuses = STRANGE
    page = visitor.context.new_page()
    statuses = {path: opened(page, path) for path in addresses(made["ids"])}
    more = [
        f"/compare/?a={made['runs'][0]['id']}&b={made['runs'][3]['id']}",
        "/?range=30d",
        "/runs/?limit=100&facets=1",
        "/audit/?limit=100",
    ]
    statuses |= {path: opened(page, path) for path in more}
    assert set(statuses.values()) - STRANGE <= {200}, statuses
    strange = sorted(path for path, status in statuses.items() if status != 200)
    print(f"{len(statuses)} pages, of which {len(strange)} say what they lack: {strange}")
    assert len(strange) <= 8, strange


@pytest.mark.timeout(600)
def test_runs_that_came_by_every_door(visit: Callable[..., Visitor], everywhere: tuple[Site, dict]):
    site, made = everywhere
    visitor = visit(site, "operator", viewport={"width": 390, "height": 800})
    visitor.expected_statuses = {404, 414}  # of images whose file is none
    page = visitor.context.new_page()
    for run in made["runs"]:
        paths = [run_path(run, more) for more in ("", "?tab=conversation", "?tab=raw")]
        for path in [
            *paths,
            f"/threads/{run['thread_id']}/",
            *([run_path(run, "tool-outputs/")] if run["waits"] else []),
        ]:
            assert opened(page, path) == 200, path


def test_what_breaks_a_rule_is_reported(browser: Browser, besieged: Site):
    """A text that got through would be told: the browser refuses it and reports to the server, which counts it."""
    visitor = Visitor(browser, besieged, "viewer")
    page = visitor.open("/runs/")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.src = "https://evil.invalid/x.js";
        document.body.append(script);
    }""")
    eventually(lambda: "\nrunsdash_policy_reports_total 1.0" in metrics_of(besieged), seconds=10)
    assert any("Content Security Policy" in fault for fault in visitor.leave())


def metrics_of(site: Site) -> str:
    with urllib.request.urlopen(f"{site.url}/metrics", timeout=20) as answer:
        return answer.read().decode()
