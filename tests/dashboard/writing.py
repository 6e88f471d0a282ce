"""Short-hands of the tests of write forms: a waiting run in the index, form fields, what the upstream received."""

import pytest

from runsdash.index.models import Run
from tests.connected import copied
from tests.pages import Element, parsed
from tests.people import HTMX


@pytest.fixture
def waiting(connection, upstream, start) -> Run:
    """A run that waits for two outputs, in the index; the upstream's request log is empty."""
    run = start("/tool get_stock", until="requires_action")
    upstream.clear_requests()
    return copied(connection, run)[0]


@pytest.fixture
def done_run(connection, upstream, start) -> Run:
    run = start("hello", until="completed")
    upstream.clear_requests()
    return copied(connection, run)[0]


def path_of(run: Run, name: str) -> str:
    return f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/{name}/"


def writes(upstream) -> list[dict]:
    return upstream.requests(method="POST")


def fields(form: Element) -> dict[str, str]:
    """What a browser would send of a form."""
    found = {one["name"]: one.get("value", "") for one in form.all("input", name=True) if one.get("type") != "checkbox"}
    found |= {one["name"]: one.text for one in form.all("textarea", name=True)}
    for select in form.all("select", name=True):
        chosen = [one for one in select.all("option") if "selected" in one.attributes] or select.all("option")[:1]
        found[select["name"]] = chosen[0].get("value", chosen[0].text) if chosen else ""
    return found


def form_in(response: object, root: str) -> Element:
    return parsed(response).one("form", id=root)


def htmx(client: object, path: str, posted: dict) -> object:
    return client.post(path, posted, headers=HTMX)
