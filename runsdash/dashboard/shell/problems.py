"""What a failure looks like to people: from errors to a status, a title and advice. Renders nothing."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404

from runsdash.service import errors

from .lookup import NoConnection

MESSAGE_CHARS = 500


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`status` is ours, `upstream_status` the upstream's. `message` may be upstream text: escape it."""

    status: int
    title: str
    message: str = ""
    advice: str = ""
    upstream_status: int | None = None
    request_id: str = ""


# The first line that fits wins: (error, status, title, advice).
UPSTREAM_PROBLEMS: list[tuple[type[errors.ServiceError], int, str, str]] = [
    (errors.NotFound, 404, "The upstream does not know this id",
     "Check the id, and whether it belongs to another connection. RunsDash has no copy of it."),
    (errors.Unauthorized, 502, "The upstream refused the key",
     "An administrator can put in a new key on the connections page, or in the environment of RunsDash."),
    (errors.RateLimited, 502, "The upstream limits requests",
     "RunsDash sent too many requests. Wait a little, then reload."),
    (errors.NotSupported, 502, "The upstream does not offer this",
     "This server speaks only a part of the API."),
    (errors.ServiceError, 502, "The upstream failed",
     "Try again in a moment. What RunsDash has seen before stays readable."),
]  # fmt: skip


def problem_for(error: Exception) -> Problem | None:
    """What to show for an error that a view let rise; None when it is not one of ours."""
    if isinstance(error, errors.ServiceError):
        return upstream_problem(error)
    if isinstance(error, Http404):
        return not_found(str(error))
    if isinstance(error, PermissionDenied):
        return forbidden(str(error))
    return no_connection() if isinstance(error, NoConnection) else None


def upstream_problem(error: errors.ServiceError) -> Problem:
    status, title, advice = next(
        (status, title, advice) for kind, status, title, advice in UPSTREAM_PROBLEMS if isinstance(error, kind)
    )
    if isinstance(error, errors.NoAnswer):
        status = 504 if error.timed_out else 502
        title = "The upstream did not answer in time" if error.timed_out else "The upstream does not answer"
    if isinstance(error, errors.InvalidRequest) and (error.param or "").endswith("_id"):
        status, title, advice = 404, "This cannot be an id", "Check the address; ids are copied whole."
    return Problem(
        status=status,
        title=title,
        message=error.message[:MESSAGE_CHARS],
        advice=advice,
        upstream_status=error.status,
        request_id=error.request_id or "",
    )


def not_found(message: str = "") -> Problem:
    return Problem(
        status=404,
        title="Not found",
        message=message or "There is no page at this address.",
        advice="The search field at the top finds threads, runs, steps, messages and assistants by id.",
    )


def forbidden(message: str = "") -> Problem:
    return Problem(status=403, title="Not allowed", message=message or "Your account may not do this.")


def not_allowed() -> Problem:
    return Problem(
        status=405,
        title="There is no page to look at here",
        message="This address only takes what a form sends.",
        advice="Go back to the page with the form, or start from the overview.",
    )


def no_connection() -> Problem:
    return Problem(
        status=404,
        title="There is no connection",
        message="RunsDash has no upstream to ask.",
        advice="An administrator can add one on the connections page, or set RUNSDASH_API_BASE_URL.",
    )
