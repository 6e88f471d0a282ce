"""Rules of the house that a program can check: sizes, names, circles, and where a formatter is told to look away.

The walls between rooms are in test_layers.py, templates and style sheets in test_templates.py.
"""

import ast
import tokenize
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from graphlib import CycleError, TopologicalSorter
from io import StringIO
from pathlib import Path

import pytest

from tests.test_layers import imports, module_of

ROOT = Path(__file__).resolve().parent.parent
MODULES = {path: path.read_text() for path in sorted((ROOT / "runsdash").rglob("*.py"))}
OURS = {path: text for path, text in MODULES.items() if "migrations" not in path.parts}
MODULE_LINES, FUNCTION_LINES, FIRST_SENTENCE_WORDS = 300, 60, 20
LONG_ON_PURPOSE = {"runsdash/settings.py"}
# Django's names; the sandbox is a second reading of the same protocol and has its own.
MANY_HAVE = {"Meta", "Command", "Config"}
DISPLAYS = (ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Call)


@lru_cache(maxsize=1)  # all rules look at one module after the other
def nodes_of(source: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source)))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def long_modules(source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        yield f"{lines} lines"


def long_functions(source: str) -> Iterator[str]:
    for node in nodes_of(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.name}: {lines} lines"


def long_first_sentences(source: str) -> Iterator[str]:
    for node in nodes_of(source):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = (ast.get_docstring(node) or "").split("\n\n")[0]
            first = text.replace("\n", " ").split(". ")[0].split(": ")[0]
            if len(first.split()) > FIRST_SENTENCE_WORDS:
                yield first


def skipped_by_the_formatter(source: str) -> Iterator[str]:
    """Statements that end in `fmt: skip` and are no table: rows that a formatter would tear into one cell a line."""
    if "fmt:" not in source:
        return
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT and "fmt:" in token.string:
            line = token.start[0]
            ends = [node for node in nodes_of(source) if isinstance(node, ast.stmt) and node.end_lineno == line]
            statement = max(ends, key=lambda node: node.lineno, default=None)
            has_rows = statement is not None and line - statement.lineno >= 2
            if not (has_rows and isinstance(getattr(statement, "value", None), DISPLAYS)):
                yield f"line {line}"


RULES: list[tuple[Callable[[str], Iterator[str]], str]] = [
    (long_modules, "x = 1\n" * 301),
    (long_functions, "def f():\n" + "    x = 1\n" * 61),
    (long_first_sentences, f'"""{"word " * 21}."""'),
    (skipped_by_the_formatter, "x = [1, 2]  # fmt: skip\n"),
    (skipped_by_the_formatter, "def f(\n    a,\n    b,\n): pass  # fmt: skip\n"),
]


@cache
def broken_rules() -> dict[Callable[[str], Iterator[str]], list[str]]:
    """What breaks each rule, by rule."""
    found = {rule: [] for rule, _ in RULES}
    for path, source in OURS.items():
        for rule, broken in found.items():
            broken += [f"{named(path)}: {one}" for one in rule(source)]
    return found


@pytest.mark.parametrize(("rule", "broken"), RULES)
def test_a_rule_is_kept_everywhere(rule, broken):
    assert list(rule(broken)), "the rule sees nothing"
    assert [one for one in broken_rules()[rule] if one.partition(":")[0] not in LONG_ON_PURPOSE] == []


def test_a_table_may_be_kept_from_the_formatter():
    assert not list(skipped_by_the_formatter("x = {\n    1: 2, 3: 4,\n    5: 6,\n}  # fmt: skip\n"))


def test_no_modules_import_each_other_in_a_circle():
    names = {module_of(path).removesuffix(".__init__"): path for path in MODULES}
    graph = {}
    for name, path in names.items():
        imported = {one for _, one in imports(nodes_of(MODULES[path]), module_of(path))}
        known = {one if one in names else one.rpartition(".")[0] for one in imported}
        graph[name] = (known & set(names)) - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


def test_two_classes_never_bear_one_name():
    """But a service object and its row: `service.objects.Run` and `index.models.Run` are the same thing twice."""
    places = defaultdict(list)
    for path, source in OURS.items():
        if "sandbox" not in path.parts:
            for node in nodes_of(source):
                if isinstance(node, ast.ClassDef) and node.name not in MANY_HAVE:
                    places[node.name].append(named(path))
    twins = {name: where for name, where in places.items() if len(where) > 1 and not is_object_and_row(where)}
    assert twins == {}


def is_object_and_row(where: list[str]) -> bool:
    return [one.rpartition("/")[0] for one in sorted(where)] == ["runsdash/index/models", "runsdash/service/objects"]
