"""Where requests go and how they prove who sends them, for every kind of server."""

import subprocess
import sys

import pytest

from runsdash.service import Client, InvalidRequest, Unauthorized, UpstreamFailed
from tests.service.raw_server import RawServer, reply


def sent(kind, *, key="secret-key", base_path="", **options):
    """First line and lower-case headers of one request, as the server received it."""
    with RawServer(reply({"id": "t"})) as server:
        base_url = server.base_url.removesuffix("/v1") + base_path
        Client(base_url, key, kind, timeout=5, **options).retrieve_thread(thread_id="t")
        first, *lines = server.requests[0].split("\r\n\r\n")[0].split("\r\n")
    return first, {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in lines}


def test_openai():
    first, headers = sent("openai", base_path="/v1")
    assert first == "GET /v1/threads/t HTTP/1.1"
    assert headers["authorization"] == "Bearer secret-key"
    assert headers["openai-beta"] == "assistants=v2"
    assert headers["user-agent"].startswith("RunsDash/")
    assert "cookie" not in headers


def test_azure_openai():
    first, headers = sent("azure-openai", base_path="/openai")
    assert first == "GET /openai/threads/t?api-version=2024-05-01-preview HTTP/1.1"
    assert headers["api-key"] == "secret-key"
    assert "authorization" not in headers
    assert headers["openai-beta"] == "assistants=v2"


def test_a_token_from_a_function_is_a_bearer_token_on_azure_too():
    _first, headers = sent("azure-openai", key=lambda: "entra-token", base_path="/openai")
    assert headers["authorization"] == "Bearer entra-token"
    assert "api-key" not in headers


def test_azure_openai_in_its_v1_form_has_no_version():
    assert sent("azure-openai", base_path="/openai/v1")[0] == "GET /openai/v1/threads/t HTTP/1.1"
    dated = sent("azure-openai", base_path="/openai/v1", api_version="preview")[0]
    assert dated == "GET /openai/v1/threads/t?api-version=preview HTTP/1.1"


def test_foundry():
    first, headers = sent("foundry", base_path="/api/projects/p")
    assert first == "GET /api/projects/p/threads/t?api-version=v1 HTTP/1.1"
    assert headers["authorization"] == "Bearer secret-key"


def test_no_key_means_no_authorization():
    assert "authorization" not in sent("sandbox", key=None)[1]
    assert "authorization" not in sent("sandbox", key="  ")[1]


def test_a_key_may_come_from_a_function_each_time():
    keys = iter(["first-token", "second-token"])
    with RawServer(reply({"id": "t"})) as server:
        client = Client(server.base_url, lambda: next(keys), "foundry", timeout=5)
        client.retrieve_thread(thread_id="t")
        client.retrieve_thread(thread_id="t")
        assert ["first-token" in server.requests[0], "second-token" in server.requests[1]] == [True, True]


def test_extra_headers_are_sent():
    _first, headers = sent("openai", extra_headers={"OpenAI-Project": "proj_1"})
    assert headers["openai-project"] == "proj_1"


def test_the_environment_has_no_say(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert sent("openai")[0].startswith("GET /threads/t")


def test_cookies_are_not_kept():
    with RawServer(reply({"id": "t"}, "Set-Cookie: session=1; Path=/")) as server:
        client = Client(server.base_url, "key", timeout=5)
        client.retrieve_thread(thread_id="t")
        client.retrieve_thread(thread_id="t")
        assert "cookie" not in server.requests[1].lower()


def test_redirects_are_not_followed():
    with RawServer(reply(b"", "Location: /v1/elsewhere", status="307 Go")) as server:
        with pytest.raises(UpstreamFailed, match="redirects to /v1/elsewhere"):
            Client(server.base_url, "key", timeout=5).create_thread()
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("kind", {"kind": "langgraph"}),
        ("base_url", {"base_url": "host/v1"}),
        ("base_url", {"base_url": "ftp://host/v1"}),
        ("base_url", {"base_url": "http://"}),
        ("base_url", {"base_url": "http://host:99999/v1"}),
        ("base_url", {"base_url": "http://user:pass@host/v1"}),
        ("base_url", {"base_url": "http://host/v1?api-version=1"}),
        ("base_url", {"base_url": "http://ho st/v1"}),
        ("base_url", {"base_url": None}),
        ("api_key", {"api_key": "two\nlines"}),
        ("api_key", {"api_key": "schlüssel"}),
        ("api_key", {"api_key": 7}),
        ("extra_headers", {"extra_headers": {"X-A": "a\r\nX-B: b"}}),
        ("extra_headers", {"extra_headers": {"X A": "a"}}),
        ("extra_headers", {"extra_headers": {"X-A": 1}}),
        ("timeout", {"timeout": 0}),
        ("timeout", {"timeout": None}),
        ("max_retries", {"max_retries": -1}),
    ],
)
def test_a_client_that_cannot_work_is_refused(param, options):
    with pytest.raises(InvalidRequest) as caught:
        Client(**{"base_url": "http://host/v1", "api_key": "key", **options})
    assert caught.value.param == param
    assert "two\nlines" not in str(caught.value)


def test_a_request_is_described_without_its_key():
    client = Client(
        "https://host/openai",
        "secret-key",
        "azure-openai",
        extra_headers={"astra-api-token": "secret-token", "OpenAI-Project": "proj_1"},
    )
    described = client.describe_request(
        "create_run", thread_id="t/1", assistant_id="a", temperature=0.5, stream=True, metadata={"a": "b"}
    )
    assert (described.operation, described.method) == ("create_run", "POST")
    assert described.url == "https://host/openai/threads/t%2F1/runs?api-version=2024-05-01-preview"
    assert described.json == {"assistant_id": "a", "metadata": {"a": "b"}, "temperature": 0.5, "stream": True}
    assert described.headers == {
        "Accept": "text/event-stream",
        "OpenAI-Beta": "assistants=v2",
        "OpenAI-Project": "proj_1",
        "Content-Type": "application/json",
    }
    assert "secret" not in repr(described)


def test_a_description_is_checked_like_the_request():
    client = Client("https://host/v1")
    with pytest.raises(InvalidRequest, match="temperature"):
        client.describe_request("create_run", thread_id="t", assistant_id="a", temperature=3)
    with pytest.raises(InvalidRequest, match="operation"):
        client.describe_request("drop_run")


def test_a_client_shows_no_key():
    assert "secret" not in repr(Client("https://host/v1", "secret-key"))
    assert "secret" not in repr(Client("https://host/v1", "secret-key").endpoint)


def test_a_wrong_key_is_told(upstream):
    with pytest.raises(Unauthorized):
        Client(upstream.base_url, "wrong-key").list_assistants()


def test_the_room_works_without_django():
    script = "import sys, runsdash.service; print([name for name in sys.modules if name.startswith('django')])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert shown.stdout.strip() == "[]"
