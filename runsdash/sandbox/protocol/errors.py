"""Makes the errors of the protocol: one exception, and a function for each known refusal.

Clients parse these sentences, so they are exact: docs/protocol.md#errors.
"""

from runsdash.sandbox.json_objects import JsonObject


class ApiError(Exception):
    """Refuses a request with the protocol's error body; `headers` are sent beside it."""

    def __init__(
        self,
        *,
        status: int,
        message: str,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.error = {"message": message, "type": type, "param": param, "code": code}

    @property
    def body(self) -> JsonObject:
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Makes a 400 with `message`."""
    return ApiError(status=400, message=message, param=param, code=code)


def not_found(noun: str, id: str) -> ApiError:
    """Makes a 404 in the API's words, for example `No thread found with id 'thread_x'.`"""
    return ApiError(status=404, message=f"No {noun} found with id '{id}'.")


def unknown_url(method: str, path: str) -> ApiError:
    return ApiError(status=404, message=f"Invalid URL ({method} {path})")


def wrong_method(method: str, path: str) -> ApiError:
    return ApiError(status=405, message=f"Not allowed to {method} on {path}.")


def wrong_key() -> ApiError:
    return ApiError(status=401, message="Incorrect API key provided.", code="invalid_api_key")


def no_key() -> ApiError:
    return ApiError(status=401, message="You didn't provide an API key.")


def missing_beta() -> ApiError:
    return invalid(
        "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
        "Please try again by setting the header 'OpenAI-Beta: assistants=v2'.",
        code="invalid_beta",
    )


def missing_version() -> ApiError:
    """Makes Azure's answer to a request without `api-version`, as *reported*."""
    return ApiError(status=404, message="Resource not found", code="404")


def missing_scope() -> ApiError:
    """Makes OpenAI's answer to `GET /threads` with an API key."""
    return ApiError(
        status=401,
        message="Your request to GET /v1/threads must be made with a session key "
        "(that is, it can only be made from the browser).",
        code="missing_scope",
    )


def not_cancellable(status: str) -> ApiError:
    return invalid(f"Cannot cancel run with status '{status}'.")


def not_waiting(status: str) -> ApiError:
    return invalid(f'Runs in status "{status}" do not accept tool outputs.')


def wrong_calls(*, expected: list[str], got: list[str]) -> ApiError:
    return invalid(f"Expected tool outputs for call_ids {expected}, got {got}")


def not_a_string(index: int) -> ApiError:
    return invalid(f"1 validation error for Request: body -> tool_outputs -> {index} -> output: str type expected")


def outputs_too_large() -> ApiError:
    return invalid(
        "'tool_outputs' too large: the combined tool outputs must be less than 512kb.",
        param="tool_outputs",
        code="invalid_value",
    )


def thread_busy(thread_id: str, run_id: str) -> ApiError:
    return invalid(f"Thread {thread_id} already has an active run {run_id}.")


def thread_locked(thread_id: str, run_id: str) -> ApiError:
    return invalid(f"Can't add messages to {thread_id} while a run {run_id} is active.")
