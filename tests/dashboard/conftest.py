"""A run page, opened by an operator or somebody else."""

import time
from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from runsdash.index.models import Run
from tests.dashboard.two_connections import LATER, servers  # noqa: F401
from tests.dashboard.writing import done_run, waiting  # noqa: F401

LANDED_S = 5


def path_of(run: dict, more: str = "") -> str:
    """The run page's path; takes a run of the API or what `Sandbox.seed` returns."""
    return f"/threads/{run['thread_id']}/runs/{run.get('id') or run['run_id']}/{more}"


def still(**columns: object) -> None:
    """Keeps the next requests from asking the upstream, with some columns changed, once all steps are here."""
    deadline = time.monotonic() + LANDED_S
    while Run.objects.filter(steps_checked_at=None).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    Run.objects.update(**({"checked_at": LATER, "steps_checked_at": LATER} | columns))


@pytest.fixture
def open_run(operator: Client) -> Callable[..., HttpResponse]:
    """`open_run(run, "?tab=raw")` as operator; `htmx=True` as htmx asks."""

    def opened(
        run: dict, more: str = "", *, by: Client | None = None, htmx: bool = False, tag: str = ""
    ) -> HttpResponse:
        headers = ({"HX-Request": "true"} if htmx else {}) | ({"HX-PTag": tag} if tag else {})
        return (by or operator).get(path_of(run, more), headers=headers)

    return opened
