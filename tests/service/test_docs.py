"""docs/service.md names all that the room offers."""

import inspect
from pathlib import Path

import pytest

from runsdash import service
from runsdash.service import Client, ServiceError

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "service.md").read_text()
ITERATORS = [name for name in dir(Client) if name.startswith("iter_")]
ERRORS = [name for name, kind in vars(service).items() if inspect.isclass(kind) and issubclass(kind, ServiceError)]
OPTIONS = [name for name in inspect.signature(Client).parameters if name not in ("base_url", "kind", "timeout")]


@pytest.mark.parametrize("name", [*sorted(service.OPERATIONS), *ITERATORS, *ERRORS, *OPTIONS, *service.PROVIDERS])
def test_it_is_documented(name):
    assert name in DOCS
