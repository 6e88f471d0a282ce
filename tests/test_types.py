"""What mypy leaves out is named module by module; a name that leads nowhere hides nothing and must go.

Annotations name what a value is: a bare `object` tells a reader nothing.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_house import OURS, named

ROOT = Path(__file__).resolve().parent.parent
MYPY = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
OVERRIDES = MYPY["overrides"]
NAMED = sorted({name for one in OVERRIDES for name in one["module"] if name.startswith("runsdash.")})
TAKES_ANYTHING = {"__eq__", "__ne__", "__contains__"}  # so Python has it


def place_of(name: str) -> Path:
    """The file of a module, or the folder of `package.*`."""
    place = ROOT.joinpath(*name.removesuffix(".*").split("."))
    return place if name.endswith(".*") else place.with_suffix(".py")


@pytest.mark.parametrize("name", NAMED)
def test_a_module_named_for_mypy_is_there(name):
    assert place_of(name).exists()


@pytest.mark.parametrize("room", ["accounts", "service", "sync", "actions", "index", "dashboard"])
def test_a_room_is_checked_strictly(room):
    name = f"runsdash.{room}"
    [strict] = [one for one in OVERRIDES if f"{name}.*" in one["module"]]
    assert strict["disallow_untyped_defs"]
    assert strict["disallow_any_generics"]


def test_no_module_of_ours_is_left_unchecked():
    """Else a name that is taken away may be called on."""
    assert MYPY["check_untyped_defs"]
    silent = [one["module"] for one in OVERRIDES if one.keys() & {"ignore_errors", "disable_error_code"}]
    assert [name for names in silent for name in names if name.startswith("runsdash.")] == []


def bare_objects(source: str) -> list[int]:
    """Lines that name `object` as a type, also in quotes; not the `object` of `object()` and `object.__new__`."""
    if not re.search(r"\bobject\b", source):  # most modules
        return []
    nodes = list(ast.walk(ast.parse(source)))
    allowed = {id(child) for node in nodes for child in used_as_a_value(node)}
    found = {node.lineno for node in nodes if is_bare(node) and id(node) not in allowed}
    return sorted(found | {one.lineno for node in nodes for one in quoted(node) if is_bare_text(one.value)})


def used_as_a_value(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        yield node.func
    elif isinstance(node, ast.Attribute):
        yield node.value
    elif isinstance(node, ast.FunctionDef) and node.name in TAKES_ANYTHING:
        yield from ast.walk(node.args)


def is_bare(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "object" and isinstance(node.ctx, ast.Load)


def quoted(node: ast.AST) -> Iterator[ast.Constant]:
    """Yields the texts in an annotation."""
    annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
    if annotation is not None:
        yield from (one for one in ast.walk(annotation) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def is_bare_text(text: str) -> bool:
    return "object" in re.findall(r"[\w.]+", text)


@pytest.mark.parametrize(
    "source",
    [
        "def f(value: object): ...",
        "def f(*values: object): ...",
        "async def f() -> dict[str, object]: ...",
        "class A:\n    raw: object = None",
        'def f(value: "object | None"): ...',
        "Row = dict[str, object]",
        "Row: TypeAlias = dict[str, object]",
        "class Slots(Mapping[str, object]): ...",
    ],
)
def test_a_bare_object_is_seen(source):
    assert bare_objects(source)


@pytest.mark.parametrize(
    "source",
    [
        "def __eq__(self, other: object) -> bool: ...",
        "object.__new__(cls)",
        "object: Run",
        "x = found['object']",
        "x: Literal['a.object']",
    ],
)
def test_what_is_no_bare_object(source):
    assert not bare_objects(source)


def test_annotations_name_what_a_value_is():
    """The names are in `json_types`, `column_types` and `page_types`; see CONTRIBUTING.md."""
    assert [f"{named(path)}:{line}" for path, source in OURS.items() for line in bare_objects(source)] == []
