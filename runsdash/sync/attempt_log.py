"""Counts each request to an upstream, and logs it beside the request or job that it was made for."""

import logging
from http import HTTPStatus

from runsdash import measures
from runsdash.service import NoAnswer, ServiceError
from runsdash.service.exchange import Attempted

log = logging.getLogger(__name__)


def log_attempt(slug: str, attempt: Attempted) -> None:
    outcome = outcome_of(attempt.error)
    measures.count("runsdash_upstream_attempts_total", slug, attempt.operation, outcome)
    measures.observe("runsdash_upstream_attempt_seconds", slug, attempt.operation, seconds=attempt.seconds)
    log.log(
        logging.DEBUG if attempt.error is None else logging.INFO,
        "%s of %s: %s after %.3f s",
        attempt.operation,
        slug,
        outcome,
        attempt.seconds,
        extra={"upstream_request_id": attempt.request_id},
    )


def outcome_of(error: ServiceError | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, NoAnswer) or error.status is None:
        return "silent"
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "throttled"
    return "refused" if 400 <= error.status < 500 else "failed"
