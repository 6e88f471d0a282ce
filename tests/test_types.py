"""What mypy leaves out is named module by module; a name that leads nowhere hides nothing and must go."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OVERRIDES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
NAMED = sorted({name for one in OVERRIDES for name in one["module"] if name.startswith("runsdash.")})


def place_of(name: str) -> Path:
    """The file of a module, or the folder of `package.*`."""
    place = ROOT.joinpath(*name.removesuffix(".*").split("."))
    return place if name.endswith(".*") else place.with_suffix(".py")


@pytest.mark.parametrize("name", NAMED)
def test_a_module_named_for_mypy_is_there(name):
    assert place_of(name).exists()


def test_the_service_is_checked_strictly():
    [service] = [one for one in OVERRIDES if one["module"] == ["runsdash.service.*"]]
    assert service["disallow_untyped_defs"]
    assert service["disallow_any_generics"]
    assert not any(
        one.get("ignore_errors") and name.startswith("runsdash.service") for one in OVERRIDES for name in one["module"]
    )
