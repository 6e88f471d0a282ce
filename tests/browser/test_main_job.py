"""The main job, done by a person in a browser: find a waiting run, answer it, cancel one, change one, start one."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import TOOL, run_id_of, run_path
from tests.browser.prepared import NAMES, PASSWORD
from tests.browser.shown import open_metadata, status_is
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def audit_lines(page: Page, run: dict) -> list[str]:
    page.goto(run_path(run, "?tab=audit"))
    return [" ".join(line.split()) for line in page.locator("#run-audit tbody tr").all_inner_texts()]


def test_a_waiting_run_is_found_answered_and_watched_to_its_end(visit: Callable[..., Visitor], site: Site):
    run = site.upstream.wait(site.upstream.run("/tools", assistant_id="asst_sandbox_parallel"))
    calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert len(calls) > 1
    site.upstream.clear_requests()

    page = visit(site, role=None).open("/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("User name").fill(NAMES["operator"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    page.locator("[data-key='g t']").click()
    page.get_by_label("Thread ids").fill(f"see {run['thread_id']}, it hangs")
    page.get_by_role("button", name="Add threads").click()
    expect(page.locator(f"[data-thread-id='{run['thread_id']}']")).to_be_visible()

    page.locator("[data-key='g o']").click()
    page.locator("#now [data-count='waiting']").click(timeout=12_000)  # the worker reads the thread, the overview polls
    waiting = page.locator(f"main [data-run-id='{run['id']}']")
    waiting.get_by_role("link", name=re.compile("Respond|Answer")).click()

    status_is(page, "requires_action")
    page.evaluate("window.stillTheSamePage = true")
    expect(page.locator("#run-facts")).to_contain_text("reported at the end")
    for number, call in enumerate(calls):
        page.locator(f"[id='output-{call['id']}']").fill(f'{{"answer": {number}}}')
    page.get_by_label("Reason, optional").fill("asked the warehouse")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#tool-outputs")).to_contain_text(f"{len(calls)} answers sent")
    expect(page.locator("#tool-outputs")).to_be_focused()

    status_is(page, "completed")
    expect(page.locator("#run-facts")).to_contain_text(re.compile(r"[\d,]+\s+= [\d,]+ prompt \+ [\d,]+ completion"))
    expect(page).to_have_title(re.compile("Completed"))
    assert page.evaluate("window.stillTheSamePage")

    sent = site.upstream.requests(method="POST", path=f"{run['id']}/submit_tool_outputs")
    assert [one["status"] for one in sent] == [200]
    outputs = [{"tool_call_id": call["id"], "output": f'{{"answer": {n}}}'} for n, call in enumerate(calls)]
    assert sent[0]["body"]["tool_outputs"] == outputs
    page.locator("[data-tab=conversation]").click()
    expect(page.locator("#conversation")).to_contain_text('"answer": 1')
    (line,) = audit_lines(page, run)
    assert NAMES["operator"] in line
    assert "submit_tool_outputs asked the warehouse done (200)" in line


def test_a_run_is_cancelled_with_a_reason_and_followed_to_its_end(visitor: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("/slow 60"), "in_progress")
    page = visitor.open(run_path(run))
    status_is(page, "in_progress")

    page.get_by_role("link", name="Cancel run…").click()
    dialog = page.get_by_role("dialog", name="Cancel run")
    expect(dialog.get_by_role("button", name="Keep running")).to_be_focused()
    dialog.get_by_label("Reason").fill("wrong customer")
    dialog.get_by_role("button", name="Cancel run").click()

    expect(dialog).to_have_count(0)
    status_is(page, "cancelled")
    expect(page.locator("#cancel-run")).to_have_count(0)
    expect(page.locator("main h1")).to_be_focused()
    (sent,) = site.upstream.requests(method="POST", path=run["id"])
    assert (sent["path"], sent["status"]) == (f"/v1/threads/{run['thread_id']}/runs/{run['id']}/cancel", 200)
    assert "cancel_run wrong customer done (200)" in audit_lines(page, run)[0]


@pytest.mark.long
def test_metadata_is_added_changed_and_removed_in_the_dialog(visitor: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("hello", metadata={"ticket": "T-1", "team": "returns", "old": "x"}))
    site.upstream.clear_requests()
    page = visitor.open(run_path(run))
    open_metadata(page)
    dialog = page.get_by_role("dialog", name="Edit metadata")

    pairs = dialog.locator("[data-pair]")
    expect(pairs.first).to_be_visible()
    by_key = {pair.locator("input").first.input_value(): pair for pair in pairs.all()}
    by_key["ticket"].get_by_label("Value").fill("T-2")
    by_key["old"].get_by_role("button", name="Remove pair").click()
    dialog.get_by_role("button", name="Add pair").click()
    pairs.last.get_by_label("Key").fill("seen_by")
    pairs.last.get_by_label("Value").fill("<b>Olga</b> & co")
    dialog.get_by_label("Reason").fill("renumbered")
    dialog.get_by_role("button", name="Save metadata").click()

    expect(dialog).to_have_count(0)
    facts = page.locator("#run-facts")
    expect(facts).to_contain_text("seen_by=<b>Olga</b> & co")
    expect(facts).to_contain_text("ticket=T-2")
    expect(facts).not_to_contain_text("old=")
    (sent,) = site.upstream.requests(method="POST")
    assert sent["body"]["metadata"] == {"ticket": "T-2", "team": "returns", "seen_by": "<b>Olga</b> & co"}
    assert "modify_run renumbered done (200)" in audit_lines(page, run)[0]


@pytest.mark.long
def test_what_is_typed_survives_a_refusal_of_the_metadata(visitor: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("hello", metadata={"ticket": "T-1"}))
    site.upstream.clear_requests()
    visitor.expected_statuses = {422}
    page = visitor.open(run_path(run))
    open_metadata(page)
    dialog = page.get_by_role("dialog", name="Edit metadata")
    dialog.get_by_label("Value").first.fill("x" * 600)
    dialog.get_by_role("button", name="Save metadata").click()

    expect(dialog.get_by_role("alert").first).to_contain_text("512")
    expect(dialog).to_be_visible()
    assert dialog.get_by_label("Value").first.input_value() == "x" * 600
    assert site.upstream.requests(method="POST") == []
    dialog.get_by_label("Value").first.fill("T-3")
    dialog.get_by_role("button", name="Save metadata").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#run-facts")).to_contain_text("ticket=T-3")


def test_a_new_run_goes_from_the_form_through_an_answer_to_completed(visitor: Visitor, site: Site):
    fields = {"model": "gpt-4o", "name": "Stock bot", "tools": [TOOL], "metadata": {}}
    assistant = site.upstream.post("/assistants", fields)
    page = visitor.open("/")
    page.get_by_role("link", name="New run").click()
    page.get_by_label("Or an assistant id").fill(assistant["id"])
    page.get_by_label("First message").fill("/tool get_stock")
    page.get_by_label("Key 1").first.fill("ticket")
    page.get_by_label("Value 1").first.fill("T-9")
    page.get_by_label("Reason, optional").fill("a try")
    page.get_by_role("button", name="Start run").click()

    expect(page).to_have_url(re.compile(r"/threads/thread_\w+/runs/run_\w+/"))
    status_is(page, "requires_action")
    page.locator("[data-output]").fill('{"in_stock": 3}')
    page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")

    run = {"id": run_id_of(page.url), "thread_id": page.url.split("/threads/")[1].split("/")[0]}
    assert site.upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")["metadata"] == {"ticket": "T-9"}
    (created,) = [one for one in site.upstream.requests(method="POST") if one["path"].endswith("/runs")]
    assert created["body"]["assistant_id"] == assistant["id"]
    lines = audit_lines(page, run)
    assert "submit_tool_outputs" in lines[0]
    assert any("create_run a try done (200)" in line for line in lines[1:])


@pytest.mark.long
def test_a_search_on_a_phone_ends_at_the_word(visit: Callable[..., Visitor], site: Site):
    run = site.upstream.wait(site.upstream.run("/long 40"))
    page = visit(site, viewport={"width": 390, "height": 844}, has_touch=True).open(run_path(run))
    page.goto("/runs/?q=depot")
    page.locator(f"#run-rows tr[data-run-id={run['id']}] th a").tap()
    expect(page.locator("#run-said mark").first).to_be_in_viewport()
    expect(page.locator("[data-hit]")).to_contain_text("depot")
