"""Export: what comes out goes in again as it was; CSV; filters; memory."""

import csv
import io
import json
import os
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from hypothesis import example, given
from hypothesis import strategies as st

from runsdash.index.exporting.chosen import chosen_runs
from runsdash.index.exporting.objects import lines
from runsdash.index.exporting.table import cell, csv_line
from runsdash.index.importing import export_fields
from runsdash.index.importing.blocks import ImportSource
from runsdash.index.importing.run_import import import_sources
from runsdash.index.models import ArchivedFile, Connection, Label, Note, NoteWord, Run, RunStep, Thread
from runsdash.index.notes import give_label, owner_of, reindex_notes
from runsdash.index.search.run_filter import parsed
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import ensure_threads, upsert_threads
from runsdash.service import objects
from tests.index.importing.test_import import AGE, imported, past
from tests.index.snapshots.snapshots import everything
from tests.queries import at_most
from tests.rows import made_connection, made_run, made_runs, run_object

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def exported(text: str = "", connection: Connection | None = None) -> bytes:
    with chosen_runs(parsed(text), connection=connection) as chosen:
        return b"".join(lines(chosen))


def taken_in(content: bytes) -> Connection:
    """An empty connection after it got the export; objects are younger than their ages say."""
    other = made_connection("other")
    import_sources(other, [ImportSource("export", io.BytesIO(content), datetime.now(UTC))], processes=0)
    return other


def same(prod: Connection, other: Connection) -> None:
    ours, theirs = everything(prod), everything(other)
    for name in ours:
        for one, other_one in zip(ours[name], theirs[name], strict=True):
            assert one == other_one, name


def test_what_comes_out_goes_in_as_it_was(prod: Connection) -> None:
    imported(prod, past(60))
    same(prod, taken_in(exported(connection=prod)))


def test_notes_and_labels_come_along_once(prod: Connection) -> None:
    first, second = (made_run(prod, id=name, thread_id="thread_a") for name in ("run_a", "run_b"))
    for subject in (first, second, first.thread):
        note = Note.objects.create(**owner_of(subject), text=f"On {subject} \u2028", step_id="step_1", written_by="ada")
        reindex_notes(subject)
        give_label(subject, "Bug", given_by="ada")
    content = exported("label:bug run:run_a")
    assert content.count(b'"object":"runsdash.note"') == 2
    other = taken_in(content)
    assert (
        import_sources(other, [ImportSource("again", io.BytesIO(content), datetime.now(UTC))], processes=0).notes == 0
    )
    kept = list(Note.objects.filter(thread__connection=other).order_by("-text"))
    assert [(one.text, one.run and one.run.upstream_id, one.written_by) for one in kept] == [
        ("On thread_a \u2028", None, "ada"), ("On run_a \u2028", "run_a", "ada"),
    ]  # fmt: skip
    assert (kept[0].note_id, kept[0].written_at) == (note.note_id, note.written_at)
    assert Label.objects.filter(thread__connection=other, name="bug").count() == 2
    assert set(NoteWord.objects.filter(run__connection=other).values_list("word", flat=True)) == {"on", "run", "a"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"object":"runsdash.note","id":"1","text":"x","thread_id":"nowhere"}', "its thread is neither"),
        (b'{"object":"runsdash.note","id":"1","text":"x","thread_id":"t","run_id":"nowhere"}', "its run is neither"),
        (b'{"object":"runsdash.note","id":[],"text":"x","thread_id":"t"}', "no id or no text"),
        (b'{"object":"runsdash.label","name":" ","thread_id":"t"}', "no name"),
    ],
)
def test_a_note_that_belongs_nowhere_is_refused(prod: Connection, line: bytes, words: str) -> None:
    made_run(prod, thread_id="t")
    totals = import_sources(prod, [ImportSource("f", io.BytesIO(line), datetime.now(UTC))], processes=0)
    assert words in totals.refused_lines[0].reason


def test_what_only_the_index_knows_is_exported_too(prod: Connection) -> None:
    """Status history, last known values, how far steps were read."""
    for status, seconds in (("queued", 0), ("requires_action", 3), ("completed", 60)):
        raw = run_object(status=status, id="run_a", thread_id="thread_a", created_at=1_790_000_000)
        upsert_runs(prod, [objects.Run.from_raw(raw)], fetched_at=AGE + timedelta(seconds=seconds))
    Run.objects.update(has_all_steps=True, steps_cursor="step_z", steps_checked_at=AGE)
    run = Run.objects.get()
    assert run.pending_calls
    assert run.expires_at
    same(prod, taken_in(exported()))


def test_objects_that_do_not_say_what_they_are(prod: Connection) -> None:
    raw = run_object(id="run_a")
    del raw["object"], raw["thread_id"]
    rows = upsert_runs(prod, [objects.Run.from_raw(raw)], fetched_at=AGE, thread_id="thread_a")
    run = Run.objects.select_related("connection", "thread").get(pk=rows["run_a"].pk)
    upsert_steps(run, [objects.RunStep.from_raw({"id": "step_a", "type": "tool_calls"})], fetched_at=AGE)
    message = objects.Message.from_raw({"id": "msg_a", "role": "user", "content": "héllo"})
    upsert_messages(run.thread, [message], fetched_at=AGE)
    same(prod, taken_in(exported()))


@pytest.mark.parametrize("tools", [[], [{"type": "code_interpreter"}] * 120])
def test_bodies_come_out_as_received(prod: Connection, tools: list[dict]) -> None:
    """Also when so many brackets might be nested too deeply."""
    raw = run_object(metadata={"x": ',"_fetched_at":"no"}', "ü": "é"}, tools=tools)
    imported(prod, json.dumps(raw, ensure_ascii=False).encode())
    body, added = export_fields.split_fields(exported().strip())
    assert body == json.dumps(raw, ensure_ascii=False).encode()
    assert added["_fetched_at"] == AGE.isoformat()


def test_a_thread_comes_out_in_the_order_in_which_it_came(prod: Connection) -> None:
    raw = {"object": "thread", "zebra": 1, "id": "thread_a", "metadata": {"zebra": "1", "ant": "ü"}}
    upsert_threads(prod, [objects.Thread.from_raw(raw)], fetched_at=AGE)
    body, _ = export_fields.split_fields(exported().strip())
    assert body == json.dumps(raw, separators=(",", ":")).encode()
    Thread.objects.update(body=None, raw=raw)  # a row of an older version
    body, _ = export_fields.split_fields(exported().strip())
    assert json.loads(body) == raw


@pytest.mark.parametrize(
    "inner", [{"_fetched_at": "x"}, {"a": {"b": 1, "_fetched_at": 2}}, {"a": [1, '"_fetched_at":']}]
)
def test_the_tail_is_never_taken_from_inside(inner: dict) -> None:
    body = json.dumps({"id": "r", "n": 1, **inner, "metadata": inner}, separators=(",", ":")).encode()
    assert export_fields.split_fields(body) == (body, {})
    assert export_fields.split_fields(export_fields.with_fields(body, {"_fetched_at": "t"})) == (
        body,
        {"_fetched_at": "t"},
    )


def test_a_filter_chooses_runs_and_their_threads(prod: Connection) -> None:
    failed = made_run(prod, status="failed")
    made_runs(prod, 5)
    ensure_threads(prod, ["thread_without_runs"])
    other = taken_in(exported("status:failed", connection=prod))
    assert list(Run.objects.filter(connection=other).values_list("upstream_id", flat=True)) == [failed.upstream_id]
    assert list(Thread.objects.filter(connection=other).values_list("upstream_id", flat=True)) == [
        failed.thread.upstream_id
    ]


@pytest.mark.parametrize("has_files", [False, True])
def test_statements_grow_with_threads_and_not_with_what_is_in_them(prod: Connection, has_files: bool) -> None:
    """Every column that a line needs comes with its row."""
    imported(prod, past(60))
    if has_files:
        ArchivedFile.objects.create(connection=prod, upstream_id="file_a", thread=Thread.objects.first())
    threads = Thread.objects.count()
    assert RunStep.objects.count() > 10 * threads
    with at_most(8 + 8 * threads):
        assert exported()


def test_the_command_writes_jsonl(prod: Connection, tmp_path, capsys) -> None:
    made_runs(prod, 3)
    call_command("export_runs", output=str(tmp_path / "out"))
    assert len((tmp_path / "out").read_bytes().splitlines()) == 3
    assert "3 objects written" in capsys.readouterr().out


def test_csv_has_a_line_a_run_newest_first(prod: Connection, tmp_path) -> None:
    runs = made_runs(prod, 3, metadata={"note": 'a "quoted", text\nof two lines'})
    call_command("export_runs", output=str(tmp_path / "out.csv"), format="csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["run"] for row in rows] == [run.upstream_id for run in runs]
    assert rows[0]["total_tokens"] == "12608"
    assert json.loads(rows[0]["metadata"]) == runs[0].metadata


def test_a_cell_is_never_a_formula(prod: Connection, tmp_path) -> None:
    made_run(prod, model="=cmd|' /C calc'!A0", assistant_id="@x")
    call_command("export_runs", output=str(tmp_path / "out.csv"), format="csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert row["model"].startswith("'=")
    assert row["assistant"] == "'@x"


BEGINS = "=+-@＝＋－＠"
BLANKS = "".join(map(chr, range(33))) + "\xa0\ufeff\u200b\u2060\u3000\x85\u2028"


@given(st.text(st.sampled_from(BEGINS + BLANKS + ";,\"'ab1"), max_size=12))
@example("\n=1+1")
@example("＝1+1")
@example("a;=1+1")
@example('a";\t"=1')
def test_whatever_parts_the_cells_none_begins_as_a_formula(text: str) -> None:
    line = csv_line([cell("first"), cell(text), cell(f"x{text}"), cell("last")]).decode()
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(line, newline=""), delimiter=delimiter):
            starts = [one.lstrip(BLANKS + '"')[:1] for one in row]
            assert not set(starts) & set(BEGINS), row
    (whole,) = csv.reader(io.StringIO(line, newline=""))
    assert whole[1].replace("'", "") == text.replace("'", "")


def test_a_link_stays_and_what_it_leads_to_is_written(prod: Connection, tmp_path) -> None:
    made_run(prod)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for _ in range(2):  # as a new file, and in place of the old one
        call_command("export_runs", output=str(tmp_path / "link"), format="csv")
        assert (tmp_path / "link").is_symlink()
        assert len((tmp_path / "out").read_text().splitlines()) == 2
    assert {one.name for one in tmp_path.iterdir()} == {"link", "out"}


def test_a_pipe_is_written_to(prod: Connection, tmp_path) -> None:
    made_run(prod)
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True) as reader:
        call_command("export_runs", output=str(tmp_path / "pipe"), format="csv")
        assert len(reader.communicate(timeout=20)[0].splitlines()) == 2
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filter": "stat:x"}, "stat"),
        ({"connection": "nowhere"}, "no connection “nowhere”"),
        ({"output": "/nowhere/at/all"}, "^/nowhere/at/all: No such file"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(prod: Connection, options: dict, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("export_runs", **options)


@pytest.mark.long
@pytest.mark.usefixtures("usual_gc")
def test_memory_does_not_grow_with_the_runs(prod: Connection) -> None:
    imported(prod, past(400, body_bytes=4000))

    def peak_of(text: str) -> int:
        tracemalloc.start()
        with chosen_runs(parsed(text)) as chosen:
            for line in lines(chosen):
                assert sys.getsizeof(line) < 100_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    newest = Run.objects.order_by("-id")[100].created_at
    few, all_of_them = peak_of(f"created>{newest:%Y-%m-%dT%H:%M:%SZ}"), peak_of("")
    assert all_of_them < 3 * few
