"""Fixtures that every test may use."""

import pytest

from tests.connected import assistant, connection, start  # noqa: F401
from tests.people import admin, nobody, operator, viewer  # noqa: F401
from tests.upstream import Sandbox


@pytest.fixture(scope="session")
def sandbox():
    """A sandbox server for the whole session, with fast scripted work."""
    with Sandbox() as server:
        yield server


@pytest.fixture
def upstream(sandbox):
    """The session's sandbox with no faults, no quirks and an empty request log."""
    sandbox.clear_faults()
    sandbox.clear_quirks()
    sandbox.clear_requests()
    return sandbox
