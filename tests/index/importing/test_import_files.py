"""Files as people have them: arrays, list replies, spread JSON, gzip in parts or cut, UTF-16. Nothing is left in silence."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from runsdash.index.importing.blocks import MAX_LINE_BYTES, READ_BYTES, ImportSource
from runsdash.index.importing.json_documents import lines_of_documents
from runsdash.index.importing.run_import import import_sources
from runsdash.index.models import Connection, Run, RunBody
from runsdash.index.storage.bodies import unpacked
from tests.index.importing.test_import import AGE
from tests.index.snapshots.snapshots import everything
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
RUNS = [run_object(id=f"run_{n}", thread_id="thread_a", instructions=f'[{{"}}],\\ {n} ünïcode') for n in range(4)]


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def reply(data: list[dict], **more: object) -> dict:
    """A page of the API."""
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": False} | more


def a_line_each(values: list) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


WHOLE = {
    "a line each": a_line_each(RUNS),
    "CRLF": a_line_each(RUNS).replace(b"\n", b"\r\n"),
    "a mark of UTF-8": b"\xef\xbb\xbf" + a_line_each(RUNS),
    "an array": json.dumps(RUNS).encode(),
    "an array with a mark": b"\xef\xbb\xbf" + json.dumps(RUNS).encode(),
    "a spread array": json.dumps(RUNS, indent=2).encode(),
    "an array, flush left": json.dumps(RUNS, indent=0, ensure_ascii=False).encode(),
    "an array with a line each": b"[\n" + b",\n".join(json.dumps(run).encode() for run in RUNS) + b"\n]\n",
    "an array a line": a_line_each([RUNS[:2], RUNS[2:]]),
    "a list reply": json.dumps(reply(RUNS)).encode(),
    "a list reply without its object": json.dumps({"data": RUNS, "has_more": True}).encode(),
    "a list reply, its object last": json.dumps({"has_more": True, "data": RUNS, "object": "list"}).encode(),
    "a list reply with another data before": json.dumps({"x": {"data": [1]}} | reply(RUNS)).encode(),
    "a spread list reply": json.dumps(reply(RUNS), indent=2).encode(),
    "a list reply of a line each": b'{"object":"list","data":[\n%b\n],"has_more":false}'
    % b",\n".join(json.dumps(run).encode() for run in RUNS),
    "list replies one after the other": b"\n".join(json.dumps(reply([run]), indent=2).encode() for run in RUNS),
    "list replies a line": a_line_each([reply(RUNS[:2]), reply(RUNS[2:]), reply([])]),
    "a list reply behind lines": a_line_each([*RUNS[:2], reply(RUNS[2:])]),
    "an array of list replies": json.dumps([reply(RUNS[:1]), reply(RUNS[1:])], indent=1).encode(),
    "spread objects": b"\n".join(json.dumps(run, indent=4).encode() for run in RUNS),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in two parts": lambda content: gzip.compress(content[:700]) + gzip.compress(content[700:]),
    "gzip with zeros behind": lambda content: gzip.compress(content) + bytes(40),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_all_of_a_file_is_taken_byte_for_byte(prod: Connection, tmp_path: Path, capsys, content, packed) -> None:
    (tmp_path / "file").write_bytes(packed(content))
    call_command("import_runs", str(tmp_path / "file"))
    assert set(Run.objects.values_list("upstream_id", flat=True)) == {run["id"] for run in RUNS}
    bodies = [json.loads(unpacked(bytes(one.raw))) for one in RunBody.objects.order_by("run__upstream_id")]
    assert bodies == RUNS
    call_command("import_runs", str(tmp_path / "file"))
    first, second, left_out = capsys.readouterr().out.splitlines()
    assert ("4 runs" in first, "0 runs" in second) == (True, True), left_out


def test_numbers_keep_their_digits(prod: Connection, tmp_path: Path) -> None:
    text = json.dumps([run_object(id="run_a", metadata={"n": "x"})]).replace('"x"', "1.10e5").encode()
    (tmp_path / "file").write_bytes(text)
    call_command("import_runs", str(tmp_path / "file"))
    assert unpacked(bytes(RunBody.objects.get().raw)) == text[1:-1]


def said(tmp_path: Path, capsys, content: bytes) -> str:
    """What the command says of a file of which part is refused."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CommandError) as refusal:
        call_command("import_runs", str(tmp_path / "file"))
    assert refusal.value.returncode == 1
    return capsys.readouterr().err + str(refusal.value)


def test_what_is_refused_is_named_and_the_rest_is_loaded(prod: Connection, tmp_path: Path, capsys) -> None:
    bad = a_line_each([{"object": "thread.run", "id": "run_x"}, {"object": "vector_store", "id": "vs_1"}])
    words = said(tmp_path, capsys, a_line_each(RUNS[:2]) + bad + a_line_each(RUNS[2:]))
    assert "file, line 3: this thread.run has no thread_id." in words
    assert "file, line 4: its object is 'vector_store'" in words
    assert "2 lines could not be read. All else is loaded." in words
    assert Run.objects.count() == 4


@pytest.mark.parametrize("spread", [None, 2])
def test_in_a_list_the_number_is_that_of_its_line_or_object(prod: Connection, tmp_path: Path, capsys, spread) -> None:
    bad = {"object": "thread.run", "id": "run_x"}
    before = json.dumps(RUNS[0]).encode() + b"\n" if spread is None else b""
    words = said(tmp_path, capsys, before + json.dumps([RUNS[1], bad, RUNS[2]], indent=spread).encode())
    assert "line 2: this thread.run has no thread_id." in words
    assert Run.objects.count() == 2 + (spread is None)


def test_steps_without_their_run_are_no_success(prod: Connection, tmp_path: Path, capsys) -> None:
    step = {"object": "thread.run.step", "id": "step_a", "run_id": "run_nowhere", "thread_id": "t", "type": "x"}
    assert "1 steps belong to runs that are neither" in said(tmp_path, capsys, a_line_each([step]))


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("part", [0.4, 0.75, 0.97])
def test_a_cut_gzip_is_told_and_what_came_out_is_loaded(prod: Connection, tmp_path: Path, capsys, name, part) -> None:
    packed = gzip.compress(WHOLE[name], compresslevel=0)
    words = said(tmp_path, capsys, packed[: int(len(packed) * part)])
    assert "the gzip file is cut off" in words or "ends in the middle of an object" in words
    if name == "a line each":
        assert Run.objects.count() >= int(4 * part)


def test_the_second_part_of_a_gzip_may_be_the_cut_one(prod: Connection, tmp_path: Path, capsys) -> None:
    words = said(tmp_path, capsys, gzip.compress(a_line_each(RUNS[:3])) + gzip.compress(a_line_each(RUNS[3:]))[:-12])
    assert "the gzip file is cut off" in words
    assert Run.objects.count() >= 3


def test_words_behind_a_gzip_are_told(prod: Connection, tmp_path: Path, capsys) -> None:
    assert "cut off or damaged" in said(tmp_path, capsys, gzip.compress(a_line_each(RUNS)) + b"garbage")
    assert Run.objects.count() == 4


@pytest.mark.parametrize("name", ["an array", "a spread array", "a spread list reply", "spread objects"])
def test_json_that_ends_early_is_told(prod: Connection, tmp_path: Path, capsys, name: str) -> None:
    words = said(tmp_path, capsys, WHOLE[name][:-60])
    assert "ends in the middle of an object" in words
    assert Run.objects.count() == (0 if "reply" in name else 3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("name", ["a line each", "a spread array"])
def test_utf_16_is_refused_with_the_reason(prod: Connection, tmp_path: Path, capsys, encoding, packed, name) -> None:
    content = WHOLE[name].decode().encode(encoding)
    assert "this file is UTF-16 or UTF-32. Save it as UTF-8." in said(tmp_path, capsys, packed(content))
    with pytest.raises(CommandError, match="UTF-16"):
        call_command("import_threads", str(tmp_path / "file"))


def test_a_damaged_line_first_does_not_take_the_others_along(prod: Connection, tmp_path: Path, capsys) -> None:
    for first in (b'{"object":"thread.run","tools":[],', b"[" * 5000, b"[1,2]", b"{", b"nonsense"):
        said(tmp_path, capsys, first + b"\n" + a_line_each(RUNS))
    assert Run.objects.count() == 4


def test_a_list_gives_the_same_rows_as_lines(prod: Connection) -> None:
    other = made_connection("other")
    for connection, name in ((prod, "a line each"), (other, "list replies a line")):
        import_sources(connection, [ImportSource("x", io.BytesIO(WHOLE[name]), AGE)], processes=0)
    assert everything(prod) == everything(other)


def test_a_large_document_is_cut_as_it_is_read() -> None:
    large = [{"id": n, "text": "x" * (READ_BYTES * 3 if n == 7 else 90_000)} for n in range(60)]
    file = io.BytesIO(json.dumps(large, indent=1).encode())
    assert [json.loads(line) for line in lines_of_documents(file)] == large


def test_a_document_without_end_is_not_kept_in_memory() -> None:
    file = io.BytesIO(b'[{"a":"' + b"x" * (2 * MAX_LINE_BYTES + 5 * READ_BYTES))
    assert len(list(lines_of_documents(file))) == 1
    assert file.tell() < 2 * MAX_LINE_BYTES + 2 * READ_BYTES
