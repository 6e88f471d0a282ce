"""Calls of every type of tool: their word, input, output and who answers, on the page, in lists and in the search."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runsdash.index.models import Connection, Run
from runsdash.index.search import RunOrder, run_list_page
from runsdash.index.search.run_filter import parsed as filter_of
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from runsdash.service.objects.tool_types import OUTPUT, TOOL_TYPES
from tests.dashboard.conftest import LATER
from tests.pages import Element, parsed
from tests.rows import made_connection, made_run, waiting_for

pytestmark = pytest.mark.django_db
FLAT = {"mcp", "mcp_list_tools"}
NAMED = {"function", "mcp", "azure_function", "openapi", "connected_agent"}
SILENT = {"code_interpreter", "file_search", "retrieval"}  # what they give has a place of its own


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def call_of(type_: str, *, asks: str = "", gives: object = None, **body: object) -> dict:
    """A call as servers send it: its input and output where the table says."""
    known = TOOL_TYPES[type_]
    own = {known.input_keys[0]: asks} if known.input_keys else {}
    own |= {known.output_keys[0]: gives} if known.output_keys else {}
    own |= ({"name": f"own_{type_}"} if type_ in NAMED else {}) | body
    return {"id": f"call_{type_}", "type": type_, **(own if type_ in FLAT else {type_: own})}


def step_of(run: Run, *calls: dict, **fields: object) -> dict:
    created = int(run.created_at.timestamp()) + 1
    return {
        "id": f"step_{run.upstream_id}", "run_id": run.upstream_id, "type": "tool_calls", "status": "completed",
        "created_at": created, "completed_at": created + 3, "thread_id": run.thread.upstream_id,
        "step_details": {"type": "tool_calls", "tool_calls": list(calls)},
    } | fields  # fmt: skip


def page_of(client: Client, run: Run, *calls: dict, **fields: object) -> Element:
    upsert_steps(run, [objects.RunStep.from_raw(step_of(run, *calls, **fields))], fetched_at=timezone.now())
    return opened(client, run, f"?step=step_{run.upstream_id}")


def opened(client: Client, run: Run, more: str = "") -> Element:
    Run.objects.update(checked_at=LATER, steps_checked_at=LATER, has_all_steps=True)
    return parsed(client.get(f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/{more}"))


def row_label(page: Element) -> str:
    return page.one("tr", data_step_id=True).one("th").text


def found(text: str) -> list[str]:
    page = run_list_page(filter_of(text), order=RunOrder(), rows=Run.objects.all(), limit=50)
    return [run.upstream_id for run in page.rows]


@pytest.mark.parametrize("type_", TOOL_TYPES)
def test_a_call_shows_its_word_its_input_and_its_output(type_, prod, viewer):
    run = made_run(prod)
    page = page_of(viewer, run, call_of(type_, asks="harbour", gives="lighthouse", odd_key="barnacle"))
    panel = page.one(id="step-panel")
    word = f"own_{type_}" if type_ in NAMED else TOOL_TYPES[type_].label
    assert row_label(page) == word
    assert panel.one("h2").text == f"Step 1 of 1: {word}"
    assert type_ in FLAT | SILENT or "lighthouse" in panel.text
    assert "No results" not in panel.text
    assert "barnacle" in panel.text
    if type_ != "mcp_list_tools":
        assert "harbour" in panel.text
        assert found("harbour") == [run.upstream_id]
    assert found("barnacle") == [run.upstream_id]


def test_a_type_that_is_not_known_shows_all_it_says(prod, viewer):
    page = page_of(
        viewer, made_run(prod), {"id": "c", "type": "tide_table", "tide_table": {"query": "Cuxhaven", "a": 1}}
    )
    assert row_label(page) == "Tide table"
    assert "Cuxhaven" in page.one(id="step-panel").text
    assert found("Cuxhaven")


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed", "expired", "in_progress"])
def test_only_what_people_answer_was_never_sent(status, prod, viewer):
    """The step may still say that it is in progress, as some servers leave it."""
    types = [name for name in TOOL_TYPES if name not in SILENT]
    for is_live in (False, True) if status == "in_progress" else (False,):
        run = made_run(prod, status="in_progress" if is_live else "cancelled")
        page = page_of(viewer, run, *map(call_of, types), status=status, completed_at=None)
        calls = [one for one in page.one(id="step-panel").all("section") if one.all("h3")]
        for type_, section in zip(types, calls, strict=True):
            is_asked, words = TOOL_TYPES[type_].answer == OUTPUT, section.text
            assert ("sent" in words) is is_asked, type_
            assert ("no output" in words) is not is_asked, type_
            assert ("not sent yet" in words or "no output yet" in words) is is_live, type_


def test_nothing_waits_in_a_run_that_has_ended(prod, viewer):
    calls = [call_of("openapi"), call_of("function"), call_of("mcp")]
    page = page_of(viewer, made_run(prod, status="cancelled"), *calls, status="in_progress", completed_at=None)
    assert "waiting" not in page.one(id="timeline").one("table").text


@pytest.mark.parametrize(
    ("results", "words"),
    [({}, "gave no list of results"), ({"results": []}, "No results"), ({"results": None}, "no list")],
)
def test_results_that_were_not_given_are_not_none_found(results, words, prod, viewer):
    page = page_of(viewer, made_run(prod), {"id": "c", "type": "file_search", "file_search": results})
    assert words in page.one("ol", class_="hits").text


@pytest.mark.parametrize("first", ["function", "file_search"])
def test_a_mixed_step_bears_no_calls_kind(first, prod, viewer):
    calls = sorted([call_of("function"), call_of("file_search")], key=lambda call: call["type"] != first)
    page = page_of(viewer, made_run(prod), *calls)
    row = page.one("tr", data_step_id=True)
    assert (row["data-kind"], row.one("th").text) == ("other", "2 calls")
    assert [one["data-kind"] for one in page.all("tr", class_="call")] == [
        TOOL_TYPES[call["type"]].kind for call in calls
    ]


def test_an_expired_step_of_a_server_that_says_its_deadline_only(prod, viewer):
    run = made_run(prod, status="expired")
    deadline = int((run.created_at + timedelta(seconds=61)).timestamp())
    page = page_of(viewer, run, call_of("openapi"), status="expired", completed_at=None, expires_at=deadline)
    assert "1 m 00 s" in page.one(id="step-panel").one("dl").text


def test_a_child_run_of_a_known_thread_is_one_click_away(prod, viewer):
    agent = call_of("connected_agent", run_id="run_child", thread_id="thread_child")
    panel = page_of(viewer, made_run(prod), agent).one(id="step-panel")
    assert "/threads/thread_child/runs/run_child/?connection=prod" in [link.get("href") for link in panel.all("a")]


def approval(*names: str, server: str = "docs") -> dict:
    calls = [
        {"id": f"call_{name}", "type": "mcp", "name": name, "arguments": "{}", "server_label": server} for name in names
    ]
    return {"type": "submit_tool_approval", "submit_tool_approval": {"tool_calls": calls}}


@pytest.mark.parametrize("who", ["viewer", "operator"])
def test_an_approval_names_its_server_wherever_it_is_asked_for(who, prod, request):
    client = request.getfixturevalue(who)
    run = made_run(prod, status="requires_action", required_action=approval("search_docs", server="wiki_x"))
    Run.objects.update(checked_at=LATER)
    for path in (f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/", "/needs-action/"):
        page = parsed(client.get(path)).one("main").text
        assert "wiki_x" in page, path
    slot = opened(client, run).one(id="tool-outputs-slot")
    assert "approval" in slot.one("h2", id="h-out").text
    assert "output" not in slot.one("h2", id="h-out").text


def test_a_run_that_names_no_calls_waits_for_nothing(prod, operator, viewer):
    empty = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": []}}
    run = made_run(prod, status="requires_action", required_action=empty)
    for client in (operator, viewer):
        slot = opened(client, run).one(id="tool-outputs-slot")
        assert slot.one("h2", id="h-out").text == "This run waits for nothing"
        assert slot.all("button", type="submit") == []
    row = parsed(operator.get("/needs-action/")).one("tr", data_run_id=run.upstream_id)
    assert row.one("a", class_="btn").text.startswith("Open")


def test_a_call_for_a_tool_of_the_server_shows_what_it_asks(prod, operator):
    call = {"id": "call_1", "type": "azure_ai_search", "azure_ai_search": {"input": "policy", "output": "{}"}}
    required = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [call]}}
    form = opened(operator, made_run(prod, status="requires_action", required_action=required)).one(id="tool-outputs")
    assert "policy" in form.one("fieldset", data_call_id="call_1").text


def test_the_step_that_is_waited_for_is_chosen(prod, operator):
    run = made_run(prod, status="requires_action", required_action=waiting_for("get_stock"))
    call = {"id": "call_0_get_stock", "type": "function", "function": {"name": "get_stock", "arguments": "{}"}}
    page_of(operator, run, call, status="in_progress", completed_at=None)
    page = opened(operator, run)
    assert page.one(id="step-panel")["data-step-id"] == f"step_{run.upstream_id}"
    row = page.one("tr", data_step_id=True)
    assert row.one("a").get("aria-current") == "true"


@pytest.mark.parametrize("ended", [{"expires_at": None}, {"expires_at": 1_795_000_000}])
@pytest.mark.parametrize(
    ("required", "words", "names"),
    [
        (waiting_for("get_stock", "get_price"), "were never answered", ["get_stock", "get_price"]),
        (approval("search_docs"), "was never approved", ["search_docs on docs"]),
    ],
)
def test_an_expired_run_says_once_when_and_what_was_never_answered(ended, required, words, names, prod, operator):
    run = made_run(prod, status="requires_action", required_action=required)
    raw = {"id": run.upstream_id, "thread_id": run.thread.upstream_id, "status": "expired", "required_action": None}
    upsert_run(prod, objects.Run.from_raw(raw | ended), fetched_at=timezone.now())
    page = opened(operator, run)
    box = page.one(id="run-ending")
    assert words in box.text
    assert [one.text for one in box.all("code")][-len(names) :] == names
    moment = box.one("dl").all("time")[0].text
    assert page.one("main").text.count(moment) == 1
    assert "Expired" in page.one(id="run-head").text
