"""Nothing that people rely on goes undocumented, and what the documents point at is there."""

import ast
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver

from runsdash.urls import urlpatterns

ROOT = Path(__file__).resolve().parent.parent
DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OF_TODAY = [path for path in DOCS if path.name != "CHANGELOG.md"]  # that one tells of what was
SOURCES = [path for folder in ("runsdash", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
CONTRACT = (ROOT / "docs/contract.md").read_text()
NEIGHBOUR = "../" + "shared"  # a folder that no file of the project may point at
MAY_LOOK_THERE = {".ci/run"}


def project_files() -> Iterator[Path]:
    """Everything in the checkout but what .gitignore leaves out."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()} | {".git"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ignored]
        yield from (Path(folder) / name for name in names if name not in ignored and not name.endswith(".pyc"))


PATHS = [path.relative_to(ROOT).as_posix() for path in project_files()]


# Environment


def variables_of(source: str) -> set[str]:
    """Names that are read as `env.kind("NAME", …)` or `env("NAME")`."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args)
    asked = (call.args[0] for call in calls if ast.unparse(call.func).split(".")[0] == "env")
    return {name.value for name in asked if isinstance(name, ast.Constant) and name.value.isupper()}


VARIABLES = sorted(variables_of((ROOT / "runsdash/settings.py").read_text()))


def test_variables_are_found_in_source():
    source = 'A = env.str("ONE", default="")\nif env.bool("TWO"): pass\nB = [env("THREE")]\nC = other.str("FOUR")'
    assert variables_of(source) == {"ONE", "TWO", "THREE"}
    assert "SECRET_KEY" in VARIABLES


def test_a_variable_is_in_the_example_and_in_the_documents():
    example = (ROOT / ".env.example").read_text()
    assert [name for name in VARIABLES if not re.search(rf"^#?{name}=", example, re.MULTILINE)] == []
    for document in ("contract", "deployment"):
        text = (ROOT / f"docs/{document}.md").read_text()
        assert [name for name in VARIABLES if f"`{name}`" not in text] == [], document


def test_the_example_names_no_variable_that_nobody_reads():
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(named) == set(VARIABLES)
    assert len(named) == len(set(named))


# URLs and commands


def routes(patterns: list, prefix: str = "") -> Iterator[str]:
    """`/threads/<str:thread_id>/` as `/threads/<thread_id>/`."""
    for pattern in patterns:
        whole = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, whole)
        elif isinstance(pattern, URLPattern):
            yield "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", whole)


def test_a_url_is_in_the_contract():
    every = sorted(routes(urlpatterns))
    assert len(every) > 100
    assert [route for route in every if f"`{route}`" not in CONTRACT] == []


TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
COMMANDS = sorted(path.stem for path in (ROOT / "runsdash").glob("*/management/commands/[!_]*.py"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_management_command_is_in_the_contract(name):
    assert re.search(rf"`python manage\.py {name}\b", CONTRACT)


def test_a_make_target_is_in_the_contract():
    assert "demo" in TARGETS
    assert [name for name in TARGETS if name != "help" and f"`make {name}`" not in CONTRACT] == []


def test_a_document_names_no_make_target_that_is_not_there():
    for path in OF_TODAY:
        assert set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.MULTILINE)) <= set(TARGETS), path


def test_contributors_are_told_of_every_kind_of_test():
    told = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in TARGETS if name.startswith("test") and f"`make {name}`" not in told] == []


# Links


def links(text: str) -> list[str]:
    """Targets of Markdown links and images that are not addresses of the web. Code is no link."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


def headings(text: str) -> set[str]:
    """The anchors of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {anchor_of(title) for title in titles}


def anchor_of(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_links_are_found_in_text():
    text = "See [a](one.md) and ![b](two.png), not [c](https://x.test/) or `[d](three.md)`.\n```\n[e](four.md)\n```\n"
    assert links(text) == ["one.md", "two.png"]
    assert headings("# One two\n## A: b, `c`\n") == {"one-two", "a-b-c"}


def test_links_lead_somewhere():
    for path, link in [(one, link) for one in DOCS for link in links(one.read_text())]:
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path}: {link} is not there"
        assert not anchor or anchor in headings(target.read_text()), f"{path}: {link} has no such heading"


# Documents that the source cites


def cited(source: str) -> list[str]:
    """Documents that a source names, with their anchor: `docs/a.md#one`, or `docs/a.md, One` for a section by name."""
    found = re.findall(r"(docs/[\w/-]+\.md)(?:#([\w-]+)|,\s+([A-Z][\w ]*\w))?", source)
    return [f"{name}#{anchor or anchor_of(title)}".rstrip("#") for name, anchor, title in found]


def test_citations_are_found_in_source():
    source = '"""See docs/a.md#one-two, (docs/b/c.md) and\ndocs/a.md, Run states."""'
    assert cited(source) == ["docs/a.md#one-two", "docs/b/c.md", "docs/a.md#run-states"]


def test_the_source_cites_what_is_there():
    named = {(path, name) for path in SOURCES if path != Path(__file__) for name in cited(path.read_text())}
    assert "docs/protocol.md" in {name.split("#")[0] for _, name in named}
    missing = [f"{path.relative_to(ROOT)}: {name}" for path, name in sorted(named) if not is_there(name)]
    assert missing == []


def citations_of_elsewhere(source: str) -> list[str]:
    """Mentions of the API's own documents, which are not in the project; docs/protocol.md has what matters of them."""
    return re.findall(r"API\.md|API reference", source)


def test_the_source_cites_no_document_of_elsewhere():
    assert citations_of_elsewhere('"""See API.md, or the API reference: getRun."""') == ["API.md", "API reference"]
    found = {path: citations_of_elsewhere(path.read_text()) for path in SOURCES if path != Path(__file__)}
    assert {str(path.relative_to(ROOT)): names for path, names in found.items() if names} == {}


def is_there(name: str) -> bool:
    document, _, anchor = name.partition("#")
    path = ROOT / document
    return path.exists() and (not anchor or anchor in headings(path.read_text()))


def test_every_document_can_be_reached_from_the_readme():
    linked = {(path.parent / link.split("#")[0]).resolve() for path in DOCS for link in links(path.read_text())}
    unreached = [path for path in DOCS if path.name != "README.md" and path not in linked]
    assert [path for path in unreached if path.parent not in linked] == []


# Files that the documents name


def files_named(text: str) -> set[str]:
    """`storage/keys.py` of a document: paths may leave out where they begin. Names of a pattern are no files."""
    names = re.findall(r"`([\w/.-]+\.(?:py|css|js|html|sh|toml|yaml))`", text)
    return {name for name in names if not name.lstrip("_").startswith("name.")}


def test_files_are_found_in_a_document():
    assert files_named("`a/b_c.py`, `x.css` and `d.md`, `_name.html`, e.py") == {"a/b_c.py", "x.css"}


def test_a_document_names_files_that_are_there():
    there = {"/".join(parts[start:]) for parts in (one.split("/") for one in PATHS) for start in range(len(parts))}
    missing = {(path.name, name) for path in OF_TODAY for name in files_named(path.read_text()) if name not in there}
    assert missing == set()


# The map of the house

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
OF_DJANGO = {"management", "migrations"}


def test_the_map_is_short():
    assert len(ARCHITECTURE.splitlines()) <= 150


def named_folders(text: str) -> set[str]:
    """`room/folder` for each row of the table of rooms: the room in the first column, its folders in the last."""
    rows = re.findall(r"^\| `([a-z]+)` \|.*\| (.*) \|$", text, re.MULTILINE)
    return {f"{room}/{folder}" for room, cell in rows for folder in re.findall(r"`(\w+)`", cell)}


def test_folders_are_found_in_the_table_of_rooms():
    rows = (
        "| room | owns | its folders |\n|---|---|---|\n| `one` | rows of `three` | `a`: this · `b_c` |\n| `two` | | |"
    )
    assert named_folders(rows) == {"one/a", "one/b_c"}


def test_the_map_names_every_folder_and_no_other():
    folders = {path.parent.relative_to(ROOT / "runsdash") for path in (ROOT / "runsdash").rglob("__init__.py")}
    rooms = {path.parts[0] for path in folders if path.parts}
    inner = {
        f"{path.parts[0]}/{path.name}" for path in folders if len(path.parts) > 1 and not OF_DJANGO & {*path.parts}
    }
    assert set(re.findall(r"^\| `([a-z]+)` \|", ARCHITECTURE, re.MULTILINE)) == rooms
    assert named_folders(ARCHITECTURE) == inner


# The project as a whole


def test_vendored_files_are_listed_with_their_version():
    said = (ROOT / "static/htmx/VERSION.md").read_text()
    assert re.search(r"^# htmx \d+\.\d+\.\d+$", said, re.MULTILINE)
    for path in (ROOT / "static/htmx").iterdir():
        assert path.name in (*re.findall(r"[\w.-]+\.(?:js|css)", said), "LICENSE", "VERSION.md"), path.name


def test_no_file_points_outside_the_project():
    every = list(project_files())
    assert Path(__file__) in every
    found = [path for path in every if NEIGHBOUR.encode() in path.read_bytes()]
    assert {str(path.relative_to(ROOT)) for path in found} <= MAY_LOOK_THERE


REQUIREMENT = re.compile(r"^([a-z0-9][a-z0-9-]*)(?:\[[\w,]+\])?==([0-9][\w.]*)(?: ; [^\\]+)? \\$", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    """Versions of a file that `make lock` writes, of packages that have hashes."""
    text = (ROOT / name).read_text()
    code = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert [line for line in code if not re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$", line)] == [
        found[0] for found in REQUIREMENT.finditer(text)
    ]
    assert len(re.findall(r"^    --hash", text, re.MULTILINE)) > len(REQUIREMENT.findall(text))
    return dict(REQUIREMENT.findall(text))


def wanted(name: str) -> dict[str, str]:
    """Versions that people wrote down, mostly with words behind them that say why."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r "))]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==([0-9][\w.]*)(?: +# .+)?", line) for line in lines]
    assert None not in found, lines
    return {re.sub(r"[._]", "-", one[1]).lower(): one[2] for one in found}


def test_every_package_is_pinned_with_its_hashes():
    runtime, tests = locked("requirements.txt"), locked("requirements-dev.txt")
    assert wanted("requirements.in").items() <= runtime.items()
    assert wanted("requirements-dev.in").items() <= tests.items()
    assert runtime.items() <= tests.items()


def test_what_packages_bring_along_is_pinned_too():
    """All that is needed here by what is pinned, as it is installed."""
    pinned = set(locked("requirements-dev.txt"))
    for name in pinned:
        with suppress(PackageNotFoundError):  # of another system
            for line in requires(name) or []:
                need = re.sub(r"[._]", "-", re.match(r"[\w.-]+", line)[0]).lower()
                assert ";" in line or need in pinned, f"{name} needs {line}"


def test_the_screenshot_is_small():
    assert (ROOT / "docs/screenshot.png").stat().st_size < 300 * 1024


def test_the_version_is_the_same_everywhere():
    version = re.search(r'^VERSION = "(.+)"', (ROOT / "runsdash/settings.py").read_text(), re.MULTILINE)[1]
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()
