"""What a failing server becomes: one tree of errors, with the server's words and never the key."""

import pickle
import traceback

import pytest

from runsdash.service import (
    Client,
    Conflict,
    InvalidRequest,
    NoAnswer,
    NotFound,
    RateLimited,
    Refused,
    ServiceError,
    Unauthorized,
    UpstreamFailed,
)
from tests.service.raw_server import RawServer, reply

KEY = "sk-very-secret-key-0123456789"


def raised(answer, *, key=KEY, operation="retrieve_run", **options):
    """The error of one operation against a server that gives `answer`."""
    with RawServer(answer) as server:
        client = Client(server.base_url, key, timeout=5, max_retries=0, **options)
        parameters = {"thread_id": "t"} if operation == "list_runs" else {"thread_id": "t", "run_id": "r"}
        with pytest.raises(ServiceError) as caught:
            getattr(client, operation)(**parameters)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("301 Moved", UpstreamFailed),
        ("400 Bad Request", Refused),
        ("401 Unauthorized", Unauthorized),
        ("402 Payment Required", Refused),
        ("403 Forbidden", Unauthorized),
        ("404 Not Found", NotFound),
        ("405 Method Not Allowed", NotFound),
        ("408 Request Timeout", UpstreamFailed),
        ("409 Conflict", Conflict),
        ("410 Gone", NotFound),
        ("422 Unprocessable", Refused),
        ("429 Too Many Requests", RateLimited),
        ("500 Oops", UpstreamFailed),
        ("501 Not Implemented", NotFound),
        ("503 Busy", UpstreamFailed),
        ("599 Strange", UpstreamFailed),
    ],
)
def test_a_status_becomes_its_class(status, kind):
    error = raised(reply({"error": {"message": "So it is."}}, status=status))
    assert type(error) is kind
    assert error.status == int(status[:3])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "Cannot cancel.", "code": "bad", "param": "run_id"}}, "Cannot cancel."),
        ({"error": "just text"}, "just text"),
        ({"message": "astra says"}, "astra says"),
        ({"detail": "fast says"}, "fast says"),
        ({"detail": [{"loc": ["body", "limit"], "msg": "too big", "type": "x"}]}, "body -> limit: too big"),
        ({"error": {}, "other": 1}, '{"error": {}, "other": 1}'),
        (b"plain\n  words", "plain words"),
        (b"<html><head><title>502 Bad\nGateway</title></head></html>", "502 Bad Gateway"),
        (b"<h1>No <b>title</b></h1>", "No title"),
        (b"", "The server answered 400 without a word."),
        (b"\xff\xfe", "��"),
        (b"x" * 5000, "x" * 500),
        ([], "The server answered 400 without a word."),
    ],
)
def test_the_servers_sentence_is_found(body, message):
    assert raised(reply(body, status="400 No")).message == message


def test_an_error_carries_what_the_server_said():
    body = {"error": {"message": "No.", "code": "bad_state", "param": "run_id"}}
    error = raised(reply(body, "x-request-id: req_7", status="400 No"))
    assert (error.code, error.param, error.request_id, error.body) == ("bad_state", "run_id", "req_7", body)
    assert str(error) == "No. (status 400, request req_7)"


@pytest.mark.parametrize("header", ["x-request-id", "apim-request-id", "x-ms-request-id"])
def test_the_request_id_has_many_names(header):
    assert raised(reply({}, f"{header}: abc", status="500 No")).request_id == "abc"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b'{"id":"r"',
        b"[" * 5000,
        b"[" * 150 + b"]" * 150,
        b'"run"',
        b"null",
        b"17",
        b'{"object":"thread.run"}',
        b'{"id":17}',
        b'{"data":"none"}',
        b'{"data":{"id":"x"}}',
    ],
)
@pytest.mark.parametrize("operation", ["retrieve_run", "list_runs"])
def test_a_useless_200_is_a_failure_of_the_server(body, operation):
    error = raised(reply(body), operation=operation)
    assert type(error) is UpstreamFailed
    assert error.status == 200
    assert error.body == (body.decode()[:500] or None)


def test_a_list_is_no_run():
    assert raised(reply([{"id": "r"}])).message == "The answer is not a Run."


def test_an_error_with_status_200_is_told():
    assert raised(reply({"error": {"message": "Not really."}})).message == "Not really."


def test_a_page_with_status_200_is_told_by_its_title():
    page = b"<html><head><title>Sign in</title></head><body>x</body></html>"
    assert raised(reply(page, content_type="text/html")).message == "A page came instead: Sign in"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Fine"])
def test_any_2xx_is_success(status):
    with RawServer(reply({"id": "r"}, status=status)) as server:
        assert Client(server.base_url).retrieve_run(thread_id="t", run_id="r").id == "r"


def test_json_that_no_database_holds_is_made_storable():
    body = b'{"id":"r","instructions":"a\\u0000b\\ud800c\x01","temperature":NaN,"top_p":1e999,"n":' + b"9" * 5000 + b"}"
    with RawServer(reply(body)) as server:
        run = Client(server.base_url).retrieve_run(thread_id="t", run_id="r")
    assert run.instructions == "a�b�c\x01"
    assert (run.temperature, run.top_p) == (None, None)
    assert run.raw["n"] == "9" * 5000


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": {"message": f"Incorrect key {KEY}.", "code": KEY, "param": KEY}, KEY: [KEY]}, status="401 No"),
        reply(f"<html><title>{KEY}</title></html>".encode(), f"x-request-id: {KEY}", status="500 No"),
        reply(f"Authorization: Bearer {KEY}".encode()),
        reply({"error": {"message": f"it was {KEY}"}}),
        reply({"error": "x" * 480 + KEY}, status="400 No"),
        reply(b"x" * 480 + KEY.encode(), status="400 No"),
        reply(b"x" * 480 + KEY.encode()),
        reply(b"", f"Location: https://elsewhere/{KEY}", status="302 Found"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + KEY.encode(),
        KEY.encode() + b"\r\n\r\n",
        b"",
    ],
)
def test_the_key_is_in_no_error(answer):
    error = raised(answer)
    shown = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    for text in shown:
        assert KEY[:12] not in text
    assert pickle.loads(pickle.dumps(error)).message == error.message


def test_a_long_key_that_is_cut_in_the_middle_is_in_no_error():
    token = "eyJ" + "0123456789" * 200
    error = raised(reply((token + " ").encode() * 30), key=token)
    assert token[:12] not in repr(vars(error))
    assert error.body.startswith("[key] [key]")


def test_secret_extra_headers_are_in_no_error_either():
    token = "AstraCS:0123456789abcdef"
    headers = {"astra-api-token": token, "OpenAI-Project": "proj_1"}
    error = raised(reply({"message": f"{token} in proj_1"}, status="400 No"), extra_headers=headers)
    assert error.message == "[key] in proj_1"


def test_a_key_from_a_function_is_hidden_too():
    error = raised(reply({"message": f"got {KEY}"}, status="400 No"), key=lambda: KEY)
    assert error.message == "got [key]"


def test_a_function_that_gives_no_key_is_told_without_its_words():
    def broken():
        raise OSError(f"cannot read {KEY}")

    error = raised(b"", key=broken)
    assert isinstance(error, InvalidRequest)
    assert (error.param, KEY in str(error)) == ("api_key", False)
    assert isinstance(raised(b"", key=lambda: "two\nlines"), InvalidRequest)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_reset_after_sending_may_have_arrived(impatient, upstream, kind):
    upstream.fault("POST /threads$", kind)
    with pytest.raises(NoAnswer) as caught:
        impatient.create_thread()
    assert (caught.value.sent, caught.value.timed_out, caught.value.outcome_unclear) == (True, False, True)


def test_a_refused_connection_was_never_sent(upstream):
    with RawServer(b"") as server:
        closed = server.base_url
    client = Client(closed, "key", timeout=2, max_retries=0)
    with pytest.raises(NoAnswer, match="could not be reached") as caught:
        client.create_thread()
    assert (caught.value.sent, caught.value.timed_out, caught.value.outcome_unclear) == (False, False, False)


def test_an_unknown_host_was_never_sent():
    client = Client("http://no-such-host.invalid/v1", timeout=5, max_retries=0)
    with pytest.raises(NoAnswer, match=r"no-such-host\.invalid could not be found") as caught:
        client.create_thread()
    assert caught.value.sent is False


def test_a_server_that_speaks_no_tls_was_never_sent():
    with RawServer(b"HTTP/1.1 400 No\r\n\r\n", listens=False) as server:
        client = Client(server.base_url.replace("http:", "https:"), KEY, timeout=2, max_retries=0)
        with pytest.raises(NoAnswer) as caught:
            client.create_thread()
    assert caught.value.sent is False


def test_a_write_that_failed_upstream_has_an_unclear_outcome(impatient, upstream):
    upstream.fault("POST /threads$", "502")
    with pytest.raises(UpstreamFailed) as caught:
        impatient.create_thread()
    assert caught.value.outcome_unclear
    upstream.fault("POST /threads$", "401")
    with pytest.raises(Unauthorized) as caught:
        impatient.create_thread()
    assert not caught.value.outcome_unclear


def test_a_broken_body_keeps_its_status(impatient, upstream, finished_run):
    upstream.fault("GET /runs/", "truncate")
    with pytest.raises(UpstreamFailed, match="broke off") as caught:
        impatient.retrieve_run(thread_id=finished_run["thread_id"], run_id=finished_run["id"])
    assert caught.value.status == 200
    assert caught.value.request_id


def test_an_error_body_without_end_is_cut():
    head = b"HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n"
    error = raised(head + b"y" * 300_000)
    assert (error.status, error.message) == (500, "y" * 500)


@pytest.mark.parametrize(
    ("message", "run_id"),
    [
        ("Thread thread_x already has an active run run_y.", "run_y"),
        ("Can't add messages to thread_x while a run run_9a is active.", "run_9a"),
        ("Thread 'a' already has an active run 'b-7'.", "b-7"),
        ("No such thing.", None),
    ],
)
def test_the_blocking_run_is_found_in_the_sentence(message, run_id):
    assert Refused(message).blocking_run_id == run_id
