"""A server that lacks an operation is told apart from one that lacks the object, and remembered."""

import pytest

from runsdash.service import Capabilities, Client, NotFound, NotSupported, Unauthorized, UpstreamFailed
from tests.service.raw_server import RawServer, reply

NOT_FOUND = {"detail": "Not Found"}


def outcome(answer, operation, capabilities=None, **parameters):
    capabilities = capabilities if capabilities is not None else Capabilities()
    with RawServer(answer) as server:
        client = Client(server.base_url, timeout=5, max_retries=0, capabilities=capabilities)
        with pytest.raises((NotFound, NotSupported, Unauthorized, UpstreamFailed)) as caught:
            getattr(client, operation)(**parameters)
    return type(caught.value), capabilities.supports(operation)


@pytest.mark.parametrize("status", ["404 Not Found", "405 Not Allowed", "501 Not Implemented"])
def test_a_collection_that_is_not_there(status):
    assert outcome(reply(NOT_FOUND, status=status), "list_threads") == (NotSupported, False)
    assert outcome(reply(NOT_FOUND, status=status), "list_run_steps", thread_id="t", run_id="r") == (
        NotSupported,
        False,
    )


@pytest.mark.parametrize("status", ["405 Not Allowed", "501 Not Implemented"])
def test_an_action_that_is_not_there(status):
    ids = {"thread_id": "t", "run_id": "r"}
    assert outcome(reply(NOT_FOUND, status=status), "cancel_run", **ids) == (NotSupported, False)
    assert outcome(reply(NOT_FOUND, status=status), "modify_run", **ids, metadata={}) == (NotSupported, False)
    assert outcome(reply(NOT_FOUND, status=status), "retrieve_run", **ids) == (NotFound, None)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        ("401 No", "Your request must be made with a session key.", Unauthorized),
        ("403 No", "There is no such operation for you.", Unauthorized),
        ("404 No", "", NotFound),
        ("404 No", "The backend is temporarily not found.", NotFound),
        ("501 No", "", UpstreamFailed),
        ("501 No", "Cannot answer at the moment; try again later.", UpstreamFailed),
        ("501 No", "Thread thread_1 is not implemented.", UpstreamFailed),
    ],
)
def test_a_refusal_of_the_moment_or_the_key_is_no_missing_list(status, said, kind):
    answer = reply({"error": {"message": said}} if said else b"", status=status)
    assert outcome(answer, "list_run_steps", thread_id="thread_1", run_id="run_1") == (kind, None)


def test_an_action_whose_address_is_not_served():
    answer = reply({"error": {"message": "Invalid URL (POST /v1/threads/t/runs/r/cancel)"}}, status="404 No")
    assert outcome(answer, "cancel_run", thread_id="t", run_id="r") == (NotSupported, False)


def test_an_item_that_is_not_there():
    assert outcome(reply(NOT_FOUND, status="404 No"), "retrieve_run", thread_id="t", run_id="r") == (NotFound, None)
    assert outcome(reply(NOT_FOUND, status="404 No"), "cancel_run", thread_id="t", run_id="r") == (NotFound, None)


@pytest.mark.parametrize(
    "message", ["No thread found with id 'thread_1'.", "thread thread_1 not found", "Thread does not exist: x"]
)
def test_a_list_of_an_unknown_thread_is_not_a_missing_list(message):
    answer = reply({"error": {"message": message}}, status="404 No")
    assert outcome(answer, "list_runs", thread_id="thread_1") == (NotFound, None)


def test_a_run_with_an_unknown_assistant_is_not_a_missing_operation():
    answer = reply({"error": {"message": "No assistant found with id 'asst_1'."}}, status="404 No")
    assert outcome(answer, "create_thread_and_run", assistant_id="asst_1") == (NotFound, None)


def test_what_once_worked_is_not_doubted_by_a_bare_404():
    known = Capabilities({"list_runs": True})
    assert outcome(reply(NOT_FOUND, status="404 No"), "list_runs", known, thread_id="t") == (NotFound, True)


def test_the_sandbox_says_what_it_offers(client, upstream, finished_run):
    assert client.capabilities.supports("list_threads") is None
    upstream.quirk(no_thread_list=True)
    with pytest.raises(Unauthorized):
        client.list_threads()
    assert client.capabilities.supports("list_threads") is None
    upstream.clear_quirks()
    client.list_threads()
    assert client.capabilities.as_dict()["list_threads"] is True
    upstream.quirk(no_steps=True)
    with pytest.raises(NotSupported):
        client.list_run_steps(thread_id=finished_run["thread_id"], run_id=finished_run["id"])
    with pytest.raises(NotFound):
        client.list_runs(thread_id="nope")
    assert client.capabilities.supports("list_runs") is None


def test_capabilities_are_shared_by_the_clients_of_a_connection(client, upstream):
    other = client.with_patience(timeout=1)
    other.list_assistants()
    assert client.capabilities.supports("list_assistants") is True
