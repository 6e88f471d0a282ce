"""The run page: what it shows in each status, on each tab, for each step, and when the upstream is gone."""

import time

import pytest
from django.utils import timezone

from runsdash.index.models import Connection, Message, Run, RunStep, StepBody
from runsdash.index.models.connections import LOOK_AGAIN_AFTER
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS
from tests.connected import wait_for
from tests.dashboard.conftest import path_of, still
from tests.pages import parsed, run_ids
from tests.rows import preview_of

pytestmark = pytest.mark.django_db(transaction=True)
# status → (is Cancel offered, is there a form, does it poll once everything is here)
BUTTONS = {
    "queued": (True, False, True),
    "in_progress": (True, False, True),
    "requires_action": (True, True, True),
    "cancelling": (False, False, True),
    "cancelled": (None, False, False),
    "failed": (None, False, False),
    "completed": (None, False, False),
    "incomplete": (None, False, False),
    "expired": (None, False, False),
}


def settle(run_id: str) -> None:
    """As if the run had been read after its end."""
    Run.objects.filter(upstream_id=run_id).update(has_all_steps=True)


def cancel_button(page):
    found = page.all(id="cancel-run")
    return (found[0].get("aria-disabled") != "true") if found else None


@pytest.mark.parametrize("status", BUTTONS)
def test_buttons_form_and_polling_by_status(status, connection, upstream, open_run):
    can_cancel, has_form, polls = BUTTONS[status]
    run = upstream.seed(status=status, steps=2)
    open_run(run)
    if status in {"cancelled", "failed", "completed", "incomplete", "expired"}:
        settle(run["run_id"])
    page = parsed(open_run(run))
    root = page.one(id="run")
    assert (root["data-run-id"], root["data-status"]) == (run["run_id"], status)
    assert page.one(id="run-head").one("span", class_="pill")["data-status"] == status
    assert cancel_button(page) is can_cancel
    assert bool(page.all("form", id="tool-outputs")) is has_form
    poll = page.one(id="poll")
    assert ("hx-get" in poll.attributes, "hx-trigger" in poll.attributes) == (polls, polls)
    assert page.one(id="edit-metadata")["href"] == path_of(run, "metadata/")


def test_unknown_status_is_shown_neutrally_and_polled_slowly(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    Run.objects.update(status="pausing_<b>", lease_until="2999-01-01T00:00:00Z")
    page = parsed(open_run(run))
    assert page.one(id="run")["data-status"] == "pausing_<b>"
    assert page.one(id="poll")["hx-trigger"].startswith("every 10s")
    assert "does not know" in page.one(id="run-ending").text


def test_a_viewer_sees_the_calls_but_no_buttons(connection, upstream, open_run, viewer):
    run = upstream.seed(status="requires_action", steps=1)
    page = parsed(open_run(run, by=viewer))
    assert page.all("form", id="tool-outputs") == []
    assert "find_shipment" in page.one(id="tool-outputs-slot").text
    assert page.all(id="cancel-run") == page.all(id="edit-metadata") == []


def test_a_read_only_server_offers_no_writes(connection, upstream, open_run, settings):
    settings.RUNSDASH_READ_ONLY = True
    page = parsed(open_run(upstream.seed(status="requires_action", steps=1)))
    assert page.all("form", id="tool-outputs") == page.all(id="cancel-run") == []


def test_wrong_method_not_signed_in_and_no_role(connection, upstream, operator, nobody, client):
    path = path_of(upstream.seed())
    assert operator.post(path).status_code == 405
    assert client.get(path).status_code == 302
    assert nobody.get(path).status_code == 403


def test_unknown_run_is_404(connection, upstream, open_run):
    thread = upstream.seed()["thread_id"]
    response = open_run({"thread_id": thread, "id": "run_nobody"})
    assert response.status_code == 404


def test_no_copy_and_no_upstream_is_502_or_504(connection, upstream, open_run):
    run = upstream.seed()
    upstream.fault(f"/runs/{run['run_id']}$", "500", times=5)
    assert open_run(run).status_code == 502
    upstream.clear_faults()
    connection.timeout_s = 0.5
    connection.save()
    upstream.fault(f"/runs/{run['run_id']}$", "hang", times=5)
    assert open_run(run).status_code == 504


def test_the_answer_about_another_run_is_said_as_such(connection, upstream, open_run):
    run = upstream.seed()
    upstream.fault(f"/runs/{run['run_id']}$", "foreign", times=1)
    response = open_run(run)
    assert response.status_code == 502
    assert "The server answered with another run: its " in parsed(response).text
    open_run(run)
    Run.objects.update(checked_at=None)
    upstream.fault(f"/runs/{run['run_id']}$", "foreign", times=1)
    page = parsed(open_run(run, "?tab=raw"))
    time.sleep(0.3)  # a settled run is read in the background
    page = parsed(open_run(run))
    assert "The server answered with another run" in page.one(id="trouble").text
    assert list(Run.objects.values_list("upstream_id", flat=True)) == [run["run_id"]]


def test_a_copy_is_shown_with_its_age_when_the_upstream_fails(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    Run.objects.update(checked_at="2026-01-01T00:00:00Z", fetched_at="2026-01-01T00:00:00Z")
    upstream.fault(run["run_id"], "500", times=20)
    response = open_run(run)
    page = parsed(response)
    assert response.status_code == 200
    assert int(response["X-RunsDash-Stale"]) > 1_000_000
    banner = page.one(id="trouble").one("div", class_="banner")
    assert "500" in banner.text
    assert banner.one("time")["datetime"] == "2026-01-01T00:00:00Z"


def test_a_run_that_the_upstream_forgot_stays_readable(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    still(trouble={"kind": "NotFound", "status": 404, "message": "gone"})
    page = parsed(open_run(run))
    assert cancel_button(page) is False
    assert "no longer knows" in page.one(id="trouble").text


def test_under_a_wrong_thread_it_leads_to_the_right_one(connection, upstream, open_run):
    run = upstream.seed()
    open_run(run)
    response = open_run({**run, "thread_id": "thread_other"}, "?tab=raw")
    assert (response.status_code, response["Location"]) == (302, path_of(run) + "?tab=raw")


def test_facts_of_a_run(connection, start, upstream, open_run):
    run = start("hello", until="completed", metadata={"ticket": "4711"}, temperature=0.5, instructions="Be <brief>.")
    facts = parsed(open_run(run)).one(id="run-facts")
    words = {group.one("dt").text: group.one("dd").text for group in facts.one("dl").children if hasattr(group, "tag")}
    assert words["Assistant"].startswith("Stock bot")
    assert words["Model"] == "gpt-4o"
    assert words["Sampling"].startswith("temperature 0.5")
    assert words["Metadata"] == "ticket=4711"
    assert words["Tokens"].startswith(f"{run['usage']['total_tokens']:,} = ")
    assert facts.one("details", id="run-instructions").one("pre").text == "Be <brief>."


def test_tokens_of_a_live_run_are_not_zero(connection, upstream, open_run):
    facts = parsed(open_run(upstream.seed(status="in_progress"))).one(id="run-facts")
    assert "reported at the end" in facts.text


def test_why_it_failed(connection, start, open_run):
    box = parsed(open_run(start("/fail rate_limit_exceeded", until="failed"))).one(id="run-ending")
    assert box.one("code").text == "rate_limit_exceeded"
    assert box.one("section")["data-tone"] == "bad"


def test_what_leads_on_from_a_failure(connection, start, upstream, open_run, operator):
    run = start("/tool get_stock /fail server_error", until="requires_action")
    upstream.answer(run)
    page = parsed(open_run(wait_for(upstream, run, "failed")))
    assert "get_stock" in page.one(id="answered-before").text
    alike = parsed(operator.get(page.one(id="alike")["href"]))
    assert run_ids(alike) == [run["id"]]


def test_an_expired_run_names_the_calls_nobody_answered(connection, start, upstream, open_run):
    run = start("/tool", until="requires_action")
    open_run(run)
    upstream.shift(run["id"], expires_at=1)
    wait_for(upstream, run, "expired")
    Run.objects.update(checked_at=None)
    box = parsed(open_run(run)).one(id="run-ending")
    assert "Expired" in box.one("h2").text
    assert box.one("code").text == "get_stock"
    assert not box.all("pre"), "our own words are no quotation"


def test_past_its_deadline_but_active_is_said(connection, upstream, open_run):
    run = upstream.seed(status="in_progress")
    open_run(run)
    still(expires_at="2026-01-01T00:00:00Z")
    page = parsed(open_run(run))
    assert "Past its deadline" in page.one(id="run-ending").text
    assert page.one(id="poll")["hx-trigger"].startswith("every 10s")


def test_timeline_lists_steps_in_order(connection, start, open_run):
    run = start("/code 6*7\n/search parcel", until="completed")
    page = parsed(open_run(run))
    rows = page.one(id="timeline").all("tr", data_step_id=True)
    assert [row["data-kind"] for row in rows] == ["code", "search", "message"]
    assert [row["data-step-id"] for row in rows] == list(
        RunStep.objects.order_by("position").values_list("upstream_id", flat=True)
    )
    assert all(float(row.one("rect")["width"].rstrip("%")) >= 0.5 for row in rows)


def test_the_chosen_step_is_in_the_address(connection, start, open_run):
    run = start("/code 6*7", until="completed")
    open_run(run)
    step = RunStep.objects.get(kind="code")
    page = parsed(open_run(run, f"?step={step.upstream_id}"))
    assert page.one(id="step-panel")["data-step-id"] == step.upstream_id
    assert page.one(id="timeline").one("a", aria_current="true")["href"].endswith(f"?step={step.upstream_id}")
    assert "42" in page.one(id="step-panel").text


def test_choosing_a_step_with_htmx_answers_the_panel_alone(connection, start, open_run):
    run = start("/code 6*7", until="completed")
    open_run(run)
    step = RunStep.objects.get(kind="code")
    response = open_run(run, f"?step={step.upstream_id}", htmx=True)
    answer = parsed(response)
    assert answer.all("main") == []
    assert "autofocus" in answer.one(id="step-panel").one("h2").attributes
    targets = [one["hx-target"] for one in answer.all("hx-partial")]
    assert targets == ["#timeline", "#asking", "#announcer"]
    assert "HX-Request" in response["Vary"]


def test_an_unknown_step_is_said(connection, upstream, open_run):
    page = parsed(open_run(upstream.seed(), "?step=step_nobody"))
    assert "not in the index" in page.one(id="step-panel").text


def test_function_calls_show_arguments_and_output(connection, start, upstream, open_run):
    run = start("/tool", until="requires_action")
    upstream.answer(run, '{"left": 7, "note": "<b>hi</b>"}')
    run = upstream.wait(run, "completed")
    open_run(run)
    step = RunStep.objects.get(kind="function")
    panel = parsed(open_run(run, f"?step={step.upstream_id}")).one(id="step-panel")
    assert [key.text for key in panel.all("span", class_="jk")] == ["sku", "left", "note"]
    assert panel.all("b") == []
    assert panel.one("span", class_="jn").text == "7"


def test_a_plot_is_shown_through_our_own_address(connection, start, open_run):
    run = start("/plot", until="completed")
    open_run(run)
    step = RunStep.objects.get(kind="code")
    image = parsed(open_run(run, f"?step={step.upstream_id}")).one(id="step-panel").one("img")
    assert image["src"].startswith("/files/")
    assert image["src"].endswith("?connection=sandbox")


def test_search_results_show_scores_and_text(connection, start, open_run):
    run = start("/search parcel", until="completed")
    open_run(run)
    step = RunStep.objects.get(kind="search")
    panel = parsed(open_run(run, f"?step={step.upstream_id}")).one(id="step-panel")
    hits = panel.one("ol", class_="hits").all("li")
    assert hits
    assert all(hit.one("progress")["value"] for hit in hits)
    assert all(hit.one("blockquote").text for hit in hits)


def test_conversation_tab(connection, start, open_run):
    run = start("/search parcel", until="completed")
    talk = parsed(open_run(run, "?tab=conversation")).one(id="conversation")
    first, second = talk.all("article")
    assert "user" in first.classes
    assert first.one("div", class_="md").text == "/search parcel"
    assert second.one("header").one("strong").text == "Stock bot"
    assert all(sup.one("a")["href"].startswith("/files/") for sup in second.all("sup"))
    assert second.all("sup")


def test_conversation_begins_with_the_question_of_this_run(connection, start, upstream, open_run):
    first = start("the first question", until="completed")
    thread = first["thread_id"]
    upstream.post(f"/threads/{thread}/messages", {"role": "user", "content": "the second question"})
    second = upstream.post(f"/threads/{thread}/runs", {"assistant_id": first["assistant_id"]})
    upstream.wait(second, "completed")
    open_run(second)
    open_run(first)
    still()

    def texts() -> list[str]:
        talk = parsed(open_run(second, "?tab=conversation")).one(id="conversation")
        return [one.text for one in talk.all("div", class_="md")]

    same_second = texts()
    assert same_second[-2] == "the second question"
    minute = 60 << MESSAGE_ORDER_BITS
    earlier = Message.objects.exclude(run_upstream_id=second["id"]).order_by("position")
    for message in [one for one in earlier if "second" not in str(one.parts[0]["text"]["text"])]:
        Message.objects.filter(pk=message.pk).update(position=message.position - minute)
    assert texts() == same_second[-2:]


def test_raw_tab(connection, upstream, open_run):
    run = upstream.seed(metadata={"k": "<i>"})
    tab = parsed(open_run(run, "?tab=raw")).one(id="run-raw")
    shown = {item.all("span", class_="jk")[0].text for item in tab.all("li") if item.all("span", class_="jk")}
    sent = upstream.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}")
    assert set(sent) <= shown


def test_audit_tab_joins_intent_and_outcome(connection, upstream, open_run, operator):
    run = upstream.seed(status="in_progress")
    open_run(run)
    answer = operator.post(path_of(run, "cancel/"), {"reason": "too slow", "token": "t-1"})
    assert answer.status_code == 302
    row = parsed(open_run(run, "?tab=audit")).one(id="run-audit").one("tr", data_audit_id=True)
    cells = [cell.text for cell in row.all("td")]
    assert cells[1:4] == ["operator", "cancel_run", "too slow"]
    assert cells[4].startswith("done")


def test_a_server_without_steps_is_said_with_its_words_and_asked_again_later(connection, upstream, open_run):
    upstream.quirk(no_steps=True)
    run = upstream.seed()
    open_run(run)
    page = parsed(open_run(run))
    assert "does not list run steps" in page.one(id="timeline").text
    assert "501 Run steps are not implemented by this server" in page.one(id="timeline").text
    upstream.clear_requests()
    open_run(run)
    assert upstream.requests(path="/steps") == []
    upstream.clear_quirks()
    Connection.objects.update(steps_refused_at=timezone.now() - LOOK_AGAIN_AFTER)
    page = parsed(open_run(run))
    assert len(page.one(id="timeline").all("tr", data_step_id=True)) == 3
    run = upstream.seed()
    upstream.quirk(no_steps=True)
    open_run(run)
    page = parsed(open_run(run))
    assert "hx-get" not in page.one(id="poll").attributes


@pytest.mark.parametrize("status", [one for one in BUTTONS if BUTTONS[one][0] is None])
def test_an_empty_list_of_steps_says_what_is_known(status, connection, upstream, open_run):
    run = upstream.seed(status=status, steps=0)
    open_run(run)
    settle(run["run_id"])
    Run.objects.update(total_tokens=None)
    page = parsed(open_run(run))
    assert ("This server listed no steps of the run" in page.one(id="timeline").text) is (status == "completed")
    assert ("no step was made" in page.one(id="run-given").text) is (status != "completed")
    assert ("hidden" in page.one(id="timeline").attributes) is (status != "completed")
    Run.objects.update(total_tokens=12)
    assert "This server listed no steps of the run" in parsed(open_run(run)).one(id="timeline").text


def test_a_run_of_two_thousand_steps_opens_with_a_hundred(connection, upstream, open_run):
    run = upstream.seed(steps=2000)
    response = open_run(run)
    page = parsed(response)
    assert len(page.one(id="timeline").all("tr", data_step_id=True)) == 100
    assert "100 steps read so far" in page.one(id="timeline").one("footer").text
    assert page.one(id="poll")["hx-trigger"].startswith("every 2s")
    assert len(response.content) < 300_000


def test_steps_are_paged_by_two_hundred(connection, upstream, open_run):
    run = upstream.seed(steps=300)
    open_run(run)
    for _ in range(3):
        Run.objects.update(checked_at=None, lease_until=None)
        open_run(run, "live/", htmx=True)
    response = open_run(run)
    assert len(response.content) < 300_000  # as for any number of steps: a page holds two hundred
    timeline = parsed(response).one(id="timeline")
    assert len(timeline.all("tr", data_step_id=True)) == 200
    assert "steps 1 to 200 of 300" in timeline.one("header").text
    next_url = timeline.one("footer").one("a")["href"]
    second = parsed(open_run(run, "?" + next_url.partition("?")[2])).one(id="timeline")
    assert "steps 201 to 300 of 300" in second.one("header").text
    last = RunStep.objects.order_by("-position").first().upstream_id
    deep = parsed(open_run(run, f"?step={last}"))
    assert "steps 201 to 300 of 300" in deep.one(id="timeline").one("header").text
    assert deep.one(id="step-panel")["aria-label"] == "Step 300 of 300"


@pytest.mark.long
def test_twenty_megabytes_of_output_leave_the_page_small(connection, upstream, open_run):
    run = upstream.seed(status="in_progress", steps=1, output_bytes=20_000_000)
    response = open_run(run, f"?step={run['step_ids'][0]}")
    if b"Cut:" not in response.content:  # read in the background: the answer took longer than a page waits
        wait_until(lambda: RunStep.objects.exists())
        response = open_run(run, f"?step={run['step_ids'][0]}")
    assert len(response.content) < 200_000
    hint = parsed(response).one(id="step-panel").one("p", class_="hint")
    assert hint.text.startswith("Cut: first 64 KB of 19.1 MB shown.")
    assert hint.one("a")["href"] == path_of(run, f"steps/{run['step_ids'][0]}/raw.json")
    assert parsed(response).one(id="run-search").one("small").text == "the first 100 KB of each text"


def wait_until(found, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_page_runs_few_queries(connection, start, open_run, django_assert_max_num_queries):
    run = start("/code 1\n/code 2\n/code 3", until="completed")
    open_run(run)
    settle(run["id"])
    with django_assert_max_num_queries(28):
        open_run(run)


def test_hostile_texts_do_not_become_markup(connection, upstream, open_run, start):
    bad = "<script>alert(1)</script>\"'{{ 7|add:7 }}\u202e"
    run = start(bad, until="completed", metadata={"<b>k": bad[:60]}, instructions=bad)
    for tab in ("timeline", "conversation", "raw", "audit"):
        response = open_run(run, f"?tab={tab}")
        page = parsed(response)
        assert all(script.get("src") for script in page.all("script"))
        assert page.one("main").all("b") == []
        if tab == "conversation":
            assert "{{ 7|add:7 }}" in page.one(id="conversation").text


def test_invalid_arguments_are_shown_as_they_are(connection, upstream, open_run):
    run = upstream.seed(status="requires_action", steps=1)
    open_run(run)
    body = StepBody.objects.get()
    body.preview = preview_of(body)
    body.preview["calls"][0]["arguments"] = {"text": '{"half": ', "size": 9}
    body.save()
    still()
    panel = parsed(open_run(run, f"?step={run['step_ids'][0]}")).one(id="step-panel")
    assert panel.one("pre").text == '{"half":'


@pytest.mark.parametrize(
    "more", ["", "?tab=conversation", "?step=a%2Fb%3Fc%23d%26e", "?step=%00%ff&after=%00&tab=%00&shown=%00"]
)
def test_odd_ids_and_queries_do_not_break_the_page(more, connection, upstream, open_run):
    run = upstream.seed(steps=3)
    open_run(run)
    still()
    RunStep.objects.filter(pk=RunStep.objects.first().pk).update(upstream_id="a/b?c#d&e")
    Message.objects.filter(pk=Message.objects.first().pk).update(upstream_id="m/1")
    response = open_run(run, more)
    assert response.status_code == 200
    if "a%2Fb" in more:
        assert parsed(response).one(id="step-panel")["data-step-id"] == "a/b?c#d&e"
