"""Benchmarks are run seldom. At least the names that they import are there."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parent.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(("runsdash", "benchmarks")):
            module = import_module(node.module)
            for name in (one.name for one in node.names if one.name != "*"):
                assert hasattr(module, name) or import_module(f"{node.module}.{name}")
