"""Fixtures that every test may use, and how tests are spread over processes."""

import pytest

from tests.connected import assistant, connection, start  # noqa: F401
from tests.people import admin, nobody, operator, viewer  # noqa: F401
from tests.spread import Spread, place_of
from tests.upstream import Sandbox


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    config.option.loadscopereorder = False
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place_of(item.nodeid))


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
