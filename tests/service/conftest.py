"""What the tests of the service share: a client of the sandbox, and of any other address."""

import pytest

from runsdash.service import Client


@pytest.fixture
def client(upstream):
    return Client(upstream.base_url, upstream.api_key, kind="sandbox", timeout=10)


@pytest.fixture
def impatient(upstream):
    """A client that gives up after half a second and tries once."""
    return Client(upstream.base_url, upstream.api_key, kind="sandbox", timeout=0.5, max_retries=0)


@pytest.fixture
def finished_run(upstream):
    return upstream.wait(upstream.run("hello"), "completed")


@pytest.fixture
def waiting_run(upstream):
    return upstream.wait(upstream.run("/tool"), "requires_action")
