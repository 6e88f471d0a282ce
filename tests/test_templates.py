"""Templates, styles and scripts are short and opened out, and a template says truly who renders it."""

import re
from importlib import import_module
from pathlib import Path

from runsdash.settings import BASE_DIR

TEMPLATES = BASE_DIR / "templates"
PAGE_LINES, FRAGMENT_LINES, STYLE_LINES, LINE_CHARS = 150, 80, 400, 120
PAGES = [one for one in sorted(TEMPLATES.rglob("*.html")) if not one.name.startswith("_")]
FRAGMENTS = sorted(TEMPLATES.rglob("_*.html"))
STYLES = sorted((BASE_DIR / "static/css").glob("*.css"))
SCRIPTS = sorted((BASE_DIR / "static/js").glob("*.js"))
FOLDERS = {one.parent.name for one in (BASE_DIR / "runsdash/dashboard").glob("*/__init__.py")}
ROOMS = {one.parent.name for one in (BASE_DIR / "runsdash").glob("*/__init__.py")}
DOTTED = re.compile(rf"(?<![\w/.])(?:{'|'.join(sorted(FOLDERS | ROOMS))})(?:\.\w+)+")
INCLUDING = "include", "kept"
INCLUDERS = re.compile(r"[Ii]ncluded by ([\w/]+\.html(?:, [\w/]+\.html)*)")


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def contract_of(path: Path) -> str:
    """Returns the comment that a template opens with; in a page it stands behind `{% extends %}`."""
    words = []
    for line in lines_of(path):
        if line.startswith("{#"):
            words.append(line.removeprefix("{# ").removesuffix(" #}"))
        elif not line.startswith("{% extends"):
            break
    return " ".join(words)


def exists(dotted: str) -> bool:
    """`runs.views.runs` is in runsdash/dashboard/runs, `index.storage.keyset.Page` in runsdash/index."""
    module, name = dotted.rsplit(".", 1)
    for home in ("runsdash.dashboard", "runsdash"):
        try:
            if hasattr(import_module(f"{home}.{module}"), name) or import_module(f"{home}.{dotted}"):
                return True
        except ModuleNotFoundError:
            continue
    return False


def test_no_line_is_long():
    long = [
        f"{path}:{number}"
        for path in [*PAGES, *FRAGMENTS, *STYLES, *SCRIPTS]
        for number, line in enumerate(lines_of(path), 1)
        if len(line) > LINE_CHARS
    ]
    assert long == []


def test_no_file_is_long():
    budgets = [(PAGES, PAGE_LINES), (FRAGMENTS, FRAGMENT_LINES), (STYLES, STYLE_LINES)]
    assert [str(path) for paths, limit in budgets for path in paths if len(lines_of(path)) > limit] == []


def test_a_line_opens_one_condition_at_most():
    folded = [
        f"{path}:{number}"
        for path in [*PAGES, *FRAGMENTS]
        for number, line in enumerate(lines_of(path), 1)
        if line.count("{% if ") > 1
    ]
    assert folded == []


def test_every_template_opens_with_its_contract():
    assert [str(path) for path in [*PAGES, *FRAGMENTS] if not contract_of(path)] == []


def test_views_and_classes_of_contracts_exist():
    named = {dotted: path for path in [*PAGES, *FRAGMENTS] for dotted in DOTTED.findall(contract_of(path))}
    named = {dotted: path for dotted, path in named.items() if not dotted.endswith((".html", ".js", ".py"))}
    assert len(named) > len(PAGES)
    assert {dotted: str(path) for dotted, path in named.items() if not exists(dotted)} == {}


def test_templates_include_what_says_so():
    missing = [
        f"{other} does not include {path.relative_to(TEMPLATES)}"
        for path in FRAGMENTS
        for found in INCLUDERS.findall(contract_of(path))
        for other in found.split(", ")
        if not any(f'{tag} "{path.relative_to(TEMPLATES)}"' in (TEMPLATES / other).read_text() for tag in INCLUDING)
    ]
    assert missing == []


def test_every_fragment_is_used():
    text = "".join(path.read_text() for path in [*TEMPLATES.rglob("*.html"), *(BASE_DIR / "runsdash").rglob("*.py")])
    assert [str(path) for path in FRAGMENTS if f'"{path.relative_to(TEMPLATES)}"' not in text] == []


def test_every_class_of_the_styles_is_somewhere():
    rules = re.sub(r"/\*.*?\*/", "", "".join(path.read_text() for path in STYLES), flags=re.DOTALL)
    selectors = " ".join(re.findall(r"([^{};]+)\{", rules))
    sources = [*PAGES, *FRAGMENTS, *SCRIPTS, *(BASE_DIR / "runsdash").rglob("*.py")]
    words = set(re.findall(r"[\w-]+", " ".join(path.read_text() for path in sources)))
    assert set(re.findall(r"\.([a-z][\w-]*)", selectors)) - words == set()
