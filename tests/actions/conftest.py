"""Who acts in the tests of this room, and a run that waits for tool outputs."""

import pytest

from runsdash.accounts.models import User
from runsdash.index.models import Run
from tests.connected import copied


@pytest.fixture
def operator() -> User:
    return User.objects.create(username="olga", role="operator")


@pytest.fixture
def waiting(connection, start) -> Run:
    run = start("/tool get_stock", until="requires_action")
    return copied(connection, run)[0]
