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


@pytest.mark.parametrize("room", ["service", "sync", "actions", "index.search"])
def test_a_room_is_checked_strictly(room):
    name = f"runsdash.{room}"
    [strict] = [one for one in OVERRIDES if f"{name}.*" in one["module"] and "ignore_errors" not in one]
    assert strict["disallow_untyped_defs"]
    assert strict["disallow_any_generics"]
    ignored = [one for override in OVERRIDES if override.get("ignore_errors") for one in override["module"]]
    assert [one for one in ignored if one.startswith(name)] == []
