"""Names that other people's scripts depend on: commands, variables, addresses, markup, the Python library.

A red test here means that somebody's script breaks. Add to these tables; what stands in them stays.
"""

import inspect
from argparse import Action
from concurrent.futures import Future

import pytest
from django.core.management import get_commands, load_command_class
from django.test import Client as Browser
from django.urls import resolve

from runsdash import service
from runsdash.service import Client, tool_output
from tests.hostile_rows import hostile_run
from tests.pages import Element, page_of
from tests.rows import made_connection
from tests.test_docs import TARGETS, VARIABLES

pytestmark = pytest.mark.django_db
RUN = "/threads/t/runs/r/"

# Commands

MADE = "install demo test test-long test-postgres bench bench-live chaos lint"
COMMANDS = {
    "add_token": "name --scope",
    "add_user": "name --role --password-env",
    "backup": "file",
    "demo": "",
    "doctor": "",
    "export_runs": "--filter --format -o",
    "import_runs": "files --connection",
    "import_threads": "file --connection",
    "restore": "file",
    "sandbox": "--port --db --seed-runs --api-key --fast --expires-s --faults --dialect",
    "sync": "--once",
    "verify_audit": "",
}
DIALECTS = {"openai", "azure", "foundry", "foundry-local", "open-assistant-api"}
KINDS = {"openai", "azure-openai", "foundry", "foundry-local", "sandbox"}


def test_the_targets_can_be_made():
    assert set(MADE.split()) - set(TARGETS) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_arguments(name):
    words = {word for one in arguments_of(name) for word in one.option_strings or [one.dest]}
    assert set(COMMANDS[name].split()) - words == set()


def arguments_of(name: str) -> list[Action]:
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)._actions


def test_the_kinds_of_servers_are_known():
    (dialect,) = [one for one in arguments_of("sandbox") if one.dest == "dialect"]
    assert DIALECTS - set(dialect.choices) == KINDS - set(service.PROVIDERS) == set()


# Environment

ENVIRONMENT = """
SECRET_KEY SECRET_KEY_FILE DEBUG ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS DATABASE_URL HUEY_URL CACHE_URL EMAIL_URL
METRICS_ALLOW WEBHOOK_ALLOW_PRIVATE PUBLIC_URL PORT SANDBOX_PORT DEMO_DIR DEMO_PASSWORD DEMO_RUNS
RUNSDASH_API_BASE_URL RUNSDASH_API_KEY RUNSDASH_API_KEY_FILE RUNSDASH_API_KEY_COMMAND RUNSDASH_API_KIND
RUNSDASH_API_VERSION RUNSDASH_API_TIMEOUT_S RUNSDASH_API_BUDGET_PER_MIN RUNSDASH_API_ALLOW_LINK_LOCAL RUNSDASH_READ_ONLY
OIDC_ISSUER OIDC_CLIENT_ID OIDC_CLIENT_SECRET OIDC_CLIENT_SECRET_FILE OIDC_ROLE_CLAIM OIDC_ROLES
SANDBOX_CHAT_URL SANDBOX_CHAT_KEY SANDBOX_CHAT_MODEL
"""


def test_the_variables_are_read():
    assert set(ENVIRONMENT.split()) - set(VARIABLES) == set()


# Addresses, each with its view: where one is missing, another may answer (at /runs/new/ the run named "new")

ADDRESSES = {
    "/": "overview", "/runs/": "runs", "/runs/new/": "new_thread_run", "/runs/r/": "run_short", "/threads/": "threads",
    "/threads/t/": "thread", "/threads/t/runs/new/": "new_run", RUN: "run", f"{RUN}cancel/": "cancel",
    f"{RUN}metadata/": "metadata", f"{RUN}tool-outputs/": "tool_outputs", f"{RUN}rerun/": "rerun",
    f"{RUN}raw.json": "run_raw", f"{RUN}steps/s/raw.json": "step_raw", f"{RUN}export.zip": "run_zip",
    "/files/f/": "file", "/needs-action/": "needs_action", "/compare/": "compare", "/search/": "search",
    "/runs/export.csv": "runs_export_csv", "/runs/export.jsonl": "runs_export_jsonl", "/assistants/a/": "assistant",
    "/ingest/c/": "ingest", "/go/": "go", "/audit/": "audit", "/connections/": "connections", "/profile/": "profile",
    "/accounts/login/": "account_login", "/healthz": "healthz", "/readyz": "readyz", "/metrics": "metrics",
}  # fmt: skip


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_address_leads_to_its_view(path):
    assert resolve(path).url_name == ADDRESSES[path]


# Markup

OF_RUN = """
assistant_id model instructions tools temperature top_p max_prompt_tokens max_completion_tokens truncation_strategy
tool_choice parallel_tool_calls response_format stream metadata-0-key metadata-0-value reason
"""
OF_ITS_THREAD = "thread-messages thread-tool_resources thread-metadata-0-key thread-metadata-0-value tool_resources"
OF_KNOWN_THREAD = "additional_instructions additional_messages"


@pytest.fixture
def waiting(db: None):
    """A run that waits for the outputs of `call_p` and `call_q`; nobody is asked for it."""
    return hostile_run(made_connection(is_enabled=False), "waiting", ["word", "more"], waits=True)


def names_on(page: Element) -> set[str]:
    return {one["name"] for one in page.all(name=True)}


def test_a_row_of_a_run_list_names_its_run_and_status(operator: Browser, waiting):
    thread, run, assistant = waiting.thread.upstream_id, waiting.upstream_id, waiting.assistant_id
    pages = "/runs/", f"/threads/{thread}/", "/needs-action/", f"/assistants/{assistant}/", f"/search/?q={run[:-1]}"
    for path in pages:
        rows = page_of(operator.get(path)).one("main").all(data_run_id=run)
        assert "requires_action" in {row["data-status"] for row in rows if row.tag in ("tr", "li")}, path


def test_a_run_page_names_its_run_status_and_steps(operator: Browser, waiting):
    page = page_of(operator.get(f"/threads/{waiting.thread.upstream_id}/runs/{waiting.upstream_id}/"))
    root = page.one(id="run")
    assert (root["data-run-id"], root["data-status"]) == (waiting.upstream_id, "requires_action")
    steps = set(waiting.steps.values_list("upstream_id", flat=True))
    assert {one["data-step-id"] for one in page.all(data_step_id=True)} == steps != set()
    assert "q" in names_on(page_of(operator.get("/runs/")))


def test_a_form_field_has_the_name_of_the_parameter(operator: Browser, waiting):
    thread = f"/threads/{waiting.thread.upstream_id}/"
    run = f"{thread}runs/{waiting.upstream_id}/"
    fields = {
        "/runs/new/?connection=prod": f"{OF_RUN} {OF_ITS_THREAD}",
        f"{thread}runs/new/": f"{OF_RUN} {OF_KNOWN_THREAD}",
        f"{run}rerun/": f"{OF_RUN} {OF_KNOWN_THREAD}",
        f"{run}cancel/": "reason",
        f"{run}metadata/": "metadata-0-key metadata-0-value reason",
        f"{run}tool-outputs/": "output-call_p output-call_q reason",
    }
    for path, names in fields.items():
        assert set(names.split()) - names_on(page_of(operator.get(path))) == set(), path


# Python

ERRORS = "InvalidRequest NotFound Unauthorized Conflict RateLimited UpstreamFailed NoAnswer"
OF_ONE = {"InvalidRequest": "param", "RateLimited": "retry_after_s", "NoAnswer": "sent"}
LISTS = {"runs": "thread_id", "run_steps": "thread_id run_id", "messages": "thread_id", "threads": ""}


def test_a_client_takes_its_first_arguments_by_place():
    given = inspect.signature(Client).parameters
    assert list(given)[:4] == ["base_url", "api_key", "kind", "timeout"]
    assert (given["kind"].default, given["timeout"].default) == ("openai", 30)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_asked_for_by_the_words_of_the_api(name):
    given = inspect.signature(getattr(Client, f"list_{name}")).parameters
    paging = {"limit": 20, "order": "desc", "after": None, "before": None, "raw": False}
    assert {word: given[word].default for word in paging} == paging
    assert set(LISTS[name].split()) <= set(given)
    assert hasattr(Client, f"iter_{name}")


def test_every_operation_can_be_left_to_the_background(upstream):
    client = Client(upstream.base_url, upstream.api_key)
    assert [name for name in service.OPERATIONS if not hasattr(client.background, name)] == []
    future = client.background.list_runs(thread_id=client.create_thread().id)
    assert isinstance(future, Future)
    page = future.result(timeout=20)
    assert (page.data, page.has_more, page.first_id, page.last_id) == ([], False, None, None)


def test_a_stream_gathers_what_it_brings(upstream, assistant):
    client = Client(upstream.base_url, upstream.api_key)
    with client.create_run(thread_id=client.create_thread().id, assistant_id=assistant["id"], stream=True) as stream:
        assert len(list(stream)) > 2
    assert (stream.run.status, bool(stream.text)) == ("completed", True)
    assert len(stream.steps) == len(stream.messages) == 1


@pytest.mark.parametrize("name", ERRORS.split())
def test_an_error_says_what_it_knows(name):
    error = getattr(service, name)("words", **({"sent": True} if name == "NoAnswer" else {}))
    assert isinstance(error, service.ServiceError)
    for attribute in f"status message code request_id body {OF_ONE.get(name, '')}".split():
        assert hasattr(error, attribute)


def test_an_output_is_text():
    assert tool_output("call_1", {"left": 7}) == {"tool_call_id": "call_1", "output": '{"left": 7}'}
