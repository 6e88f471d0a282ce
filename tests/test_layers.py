"""The walls of the house: which room imports which, who may send HTTP, who reads the environment.

`broken_rules` reads source text only, so the rules are tested on snippets first and on the project after that.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# A room may import the rooms to its right.
ORDER = ("dashboard", "actions", "sync", "notify", "index", "accounts", "audit", "service")
# No room imports these two, and the sandbox imports no room.
BELOW_GATEWAY = ("index", "accounts", "audit", "service")
ROOMS = (*ORDER, "gateway", "sandbox")
SPEAKS_HTTP = ("runsdash.service", "runsdash.notify", "runsdash.gateway", "runsdash.sandbox.chat")
HTTP_CLIENTS = {"requests", "urllib3", "httpx", "aiohttp"}
SPEAKS_DJANGO_IN_SANDBOX = ("runsdash.sandbox.management", "runsdash.sandbox.apps")
READS_ENVIRONMENT = "runsdash.settings"
NAMES_SETTINGS = ("manage", "runsdash.wsgi")  # they may set DJANGO_SETTINGS_MODULE
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def module_of(path: Path) -> str:
    """`runsdash/index/models/__init__.py` → `runsdash.index.models.__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room_of(dotted: str) -> str:
    """The room a dotted name is in, or ""."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "runsdash" and parts[1] in ROOMS else ""


def imports(nodes: Iterable[ast.AST], module: str) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import, wherever it stands. `from a import b` counts as `a.b`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # One dot is the package that the module is in; its own name is already the last part.
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def is_in(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def broken_rules(source: str, module: str) -> list[str]:
    """One sentence for each rule that a module breaks, with its line."""
    nodes = list(ast.walk(ast.parse(source)))
    imported = list(imports(nodes, module))
    found = []
    for line, name in imported:
        found += [f"{module}:{line} {rule}" for rule in (*wall(module, name), *foreign(module, name))]
    return found + [f"{module}:{line} reads the environment" for line in environment_lines(nodes, imported, module)]


def wall(module: str, name: str) -> Iterator[str]:
    room, other = room_of(module), room_of(name)
    if room == other:
        return
    if not other:
        if name.startswith("runsdash.") and is_sealed(module):
            yield f"{room} imports {name}, which is outside its room"
    elif room == "gateway" and other not in BELOW_GATEWAY:
        yield f"gateway imports {other}; it takes {', '.join(BELOW_GATEWAY)}"
    elif "sandbox" in (room, other) or (room and other == "gateway"):
        yield f"{room or module} imports {other}; they stay apart"
    elif room in ORDER and ORDER.index(room) > ORDER.index(other):
        yield f"{room} imports {other}, which is above it"


def is_sealed(module: str) -> bool:
    """Service and sandbox know nothing of the project around them, not even its settings."""
    return room_of(module) in ("service", "sandbox") and not is_in(module, SPEAKS_DJANGO_IN_SANDBOX)


def foreign(module: str, name: str) -> Iterator[str]:
    """Third-party packages: HTTP clients in few places, Django nowhere in service and sandbox."""
    top, room = name.split(".")[0], room_of(module)
    if top in HTTP_CLIENTS and not is_in(module, SPEAKS_HTTP):
        yield f"imports {top}"
    is_known = top in sys.stdlib_module_names or top in {"runsdash", *HTTP_CLIENTS}
    if is_sealed(module) and not is_known:
        yield f"{room} imports {top}; it takes the standard library and requests"


def environment_lines(nodes: list[ast.AST], imported: list[tuple[int, str]], module: str) -> Iterator[int]:
    if module == READS_ENVIRONMENT:
        return
    allowed = {id(node) for node in nodes if module in NAMES_SETTINGS for node in settings_named_by(node)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and id(node) not in allowed:
            yield node.lineno
    for line, name in imported:
        if name.split(".")[0] == "environ" or name in {
            f"{top}.{one}" for top in ("os", "posix") for one in ENVIRONMENT
        }:
            yield line


def settings_named_by(node: ast.AST) -> list[ast.AST]:
    """The `os.environ` of `os.environ.setdefault("DJANGO_SETTINGS_MODULE", …)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault"):
        return []
    first = node.args[0] if node.args else None
    names = isinstance(first, ast.Constant) and first.value == "DJANGO_SETTINGS_MODULE"
    return [node.func.value] if names else []


# The checker


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("runsdash.index.snapshots", "from runsdash.sync import refresh"),
        ("runsdash.index.snapshots", "import runsdash.dashboard.urls"),
        ("runsdash.index.snapshots", "from runsdash import actions"),
        ("runsdash.index.snapshots", "from .. import sync"),
        ("runsdash.index.models.runs", "from ...sync import lease"),
        ("runsdash.index.models.__init__", "from ...sync import lease"),
        ("runsdash.index.snapshots", "def late():\n    from runsdash.sync import lease"),
        ("runsdash.index.snapshots", "if TYPE_CHECKING:\n    from runsdash.actions.cancel_run import cancel_run"),
        ("runsdash.audit.trail", "from runsdash.accounts.models import User"),
        ("runsdash.service.client", "from runsdash.index.storage.storable_text import cut"),
        ("runsdash.service.client", "from .. import settings"),
        ("runsdash.dashboard.shell.links", "from runsdash.sandbox.ids import new_id"),
        ("runsdash.dashboard.shell.links", "from runsdash.gateway import routes"),
        ("runsdash.gateway.ingest", "from runsdash.sync import refresh"),
        ("runsdash.sandbox.server", "from runsdash.service import Client"),
        ("runsdash.sandbox.management.commands.sandbox", "from runsdash.index.models import Run"),
        ("runsdash.urls", "from runsdash.sandbox import routes"),
        ("runsdash.sync.parallel_reads", "import requests"),
        ("runsdash.dashboard.shell.links", "from requests.adapters import HTTPAdapter"),
        ("runsdash.sandbox.server", "import requests"),
        ("runsdash.index.snapshots.rows", "import httpx"),
        ("runsdash.service.client", "from django.conf import settings"),
        ("runsdash.sandbox.server", "import django"),
        ("runsdash.service.client", "import orjson"),
        ("runsdash.sync.clients", "import os\nos.environ['A']"),
        ("runsdash.sync.clients", "import os as system\nsystem.getenv('A')"),
        ("runsdash.sync.clients", "from os import environ"),
        ("runsdash.sync.clients", "import environ"),
        ("runsdash.service.wire", "import os\nos.environ.get('A')"),
        ("runsdash.sandbox.chat", "from os import getenv as look"),
        ("runsdash.wsgi", "import os\nos.environ.setdefault('DEBUG', 'on')"),
        ("manage", "import os\nos.environ['DJANGO_SETTINGS_MODULE']"),
        ("runsdash.sync.lease", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'runsdash.settings')"),
    ],
)
def test_a_broken_wall_is_seen(module, source):
    assert len(broken_rules(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "runsdash.sync.refresh",
            "from runsdash.index.models import Run\nfrom . import lease\nfrom .reads import until",
        ),
        ("runsdash.index.models.__init__", "from .runs import Run"),
        ("runsdash.index.models.runs", "from ..texts import cut\nfrom ...service import statuses"),
        ("runsdash.dashboard.shell.links", "import runsdash.audit.trail"),
        ("runsdash.actions.audited_call", "from runsdash import audit"),
        ("runsdash.notify.webhooks", "import requests"),
        ("runsdash.sandbox.chat", "import requests\nfrom .wire import sent"),
        ("runsdash.sandbox.management.commands.sandbox", "from django.conf import settings"),
        ("runsdash.sandbox.apps", "from django.apps import AppConfig"),
        (
            "runsdash.service.wire",
            "import os\nos.register_at_fork(after_in_child=None)\nfrom runsdash.service import sse",
        ),
        ("runsdash.settings", "import os\nimport environ\nos.environ['A']"),
        ("runsdash.wsgi", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'runsdash.settings')"),
        ("runsdash.urls", "from runsdash.dashboard import urls"),
    ],
)
def test_an_open_door_is_no_wall(module, source):
    assert broken_rules(source, module) == []


# The project


PROJECT = [ROOT / "manage.py", ROOT / "gunicorn.conf.py", *sorted((ROOT / "runsdash").rglob("*.py"))]


def test_the_walls_stand():
    assert len(PROJECT) > 400
    assert [rule for path in PROJECT for rule in broken_rules(path.read_text(), module_of(path))] == []


def test_every_package_is_a_room_of_the_plan():
    packages = {path.parent.name for path in (ROOT / "runsdash").glob("*/__init__.py")}
    assert packages == set(ROOMS)
