"""The zip of a run, imported: whatever is damaged or made up in it is told, and the rest goes on."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from runsdash.index.importing.blocks import MAX_LINE_BYTES
from runsdash.index.importing.files import source_of
from runsdash.index.importing.run_import import Totals, import_sources
from runsdash.index.models import Connection, Run
from tests.index.importing.test_import import AGE
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
TAIL = {"_fetched_at": AGE.isoformat()}
GOOD = {"name": "run.json", "tail": TAIL}


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def made_zip(path: Path, *, told: object, **members: str | bytes) -> Path:
    """`run.json` is in each; `told`: what the manifest says of objects and files."""
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        file.writestr("run.json", json.dumps(run_object(id="run_a"), indent=1))
        file.writestr("manifest.json", json.dumps({"for_import": told}))
        for name, content in members.items():
            file.writestr(name, content)
    return path


def taken(connection: Connection, path: Path) -> Totals:
    with ExitStack() as stack:
        return import_sources(connection, [source_of(str(path), stack)], processes=0)


BAD = {
    "no such member": {"name": "../../etc/passwd", "tail": TAIL},
    "a name that is none": {"name": ["x"], "tail": TAIL},
    "no entry": 7,
    "no fields": {"name": "other"},
    "a member without end": {"name": "bomb", "tail": TAIL},
    "no object": {"name": "words", "tail": TAIL},
}


@pytest.mark.parametrize("entry", BAD.values(), ids=BAD)
def test_a_bad_entry_is_told_and_the_others_go_on(prod: Connection, tmp_path: Path, entry: object) -> None:
    members = {"words": "words\nand words"}
    if isinstance(entry, dict) and entry.get("name") == "bomb":
        members["bomb"] = bytes(MAX_LINE_BYTES + 1)
    totals = taken(prod, made_zip(tmp_path / "zip", told={"objects": [entry, GOOD]}, **members))
    assert (totals.refused, totals.runs, len(totals.refused_lines)) == (1, 1, 1)
    assert Run.objects.get().fetched_at == AGE


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "nowhere", "id": "file-a", "status": 200, **TAIL},
        {"name": "run.json", "id": "file-a", "status": 200, "size": 3, "digest": "no", **TAIL},
        {"name": "run.json", "id": "file-a", "status": {"x": []}, "content": "!", "object": "thread", **TAIL},
        [],
    ],
)
def test_a_bad_file_is_told_and_the_run_is_there(prod: Connection, tmp_path: Path, entry: object) -> None:
    totals = taken(prod, made_zip(tmp_path / "zip", told={"objects": [GOOD], "files": [entry]}))
    assert (totals.refused, totals.runs, totals.files) == (1, 1, 0)


def cut_off(content: bytes) -> bytes:
    return content[:-30]


def scratched(content: bytes) -> bytes:
    return content[:60] + b"\xff" * 40 + content[100:]


@pytest.mark.parametrize("harm", [cut_off, scratched])
def test_a_damaged_zip_is_told(prod: Connection, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    path = made_zip(tmp_path / "zip", told={"objects": [GOOD]})
    path.write_bytes(harm(path.read_bytes()))
    totals = taken(prod, path)
    assert [one.reason for one in totals.refused_lines] == ["this part of the zip is missing or damaged"]


def test_another_zip_is_told(prod: Connection, tmp_path: Path) -> None:
    assert taken(prod, made_zip(tmp_path / "zip", told="nothing")).refused == 1
