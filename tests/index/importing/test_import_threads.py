"""`import_threads`: ids out of any text and out of objects."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from runsdash.index.models import Connection, PurgedThread, Thread
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
ID, OTHER = "thread_abcdefghijklmnopqrstuvwx", "thread_000000000000000000000001"


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def added(path, content: bytes, capsys: pytest.CaptureFixture) -> tuple[set[str], str]:
    (path / "ids").write_bytes(content)
    call_command("import_threads", str(path / "ids"))
    return set(Thread.objects.values_list("upstream_id", flat=True)), capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        f"{ID}\n{OTHER}\n",
        f"2026-11-23 INFO run_abc of {ID} done\r\nhttps://x/threads/{OTHER}/runs/run_1/ msg_2\n\n",
        json.dumps({"object": "thread", "id": ID}) + "\n" + json.dumps(run_object(thread_id=OTHER)),
        f'{{"broken": "{ID}", \n{OTHER}',
        f"thread_id\nthread_id: {ID}, run_status=failed, thread_id={OTHER}\n",
    ],
)
def test_ids_are_found(prod: Connection, tmp_path, capsys, content: str) -> None:
    ids, out = added(tmp_path, content.encode(), capsys)
    assert ids == {ID, OTHER}
    assert "2 threads added to prod" in out


def test_a_second_time_nothing_is_added(prod: Connection, tmp_path, capsys) -> None:
    added(tmp_path, f"{ID}\n{OTHER}".encode(), capsys)
    ids, out = added(tmp_path, f"{ID}\n{OTHER}\n{ID}".encode(), capsys)
    assert len(ids) == 2
    assert "0 threads added to prod, 2 known before" in out


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("import_threads", "1 purged thread came back: who adds"),
        ("import_runs", "1 purged thread came back: who imports"),
    ],
)
def test_who_adds_or_imports_a_purged_thread_lets_it_back_in(
    prod: Connection, tmp_path, capsys, command: str, sentence: str
) -> None:
    PurgedThread.objects.create(connection=prod, upstream_id=ID)
    PurgedThread.objects.create(connection=prod, upstream_id=OTHER)
    (tmp_path / "file").write_text(json.dumps(run_object(thread_id=ID)))
    call_command(command, str(tmp_path / "file"))
    assert sentence in capsys.readouterr().out
    assert [one.upstream_id for one in PurgedThread.objects.all()] == [OTHER]


def test_many_ids(prod: Connection, tmp_path, capsys) -> None:
    ids, _ = added(tmp_path, b"".join(b"thread_%024d\n" % number for number in range(1234)), capsys)
    assert len(ids) == 1234
    assert Thread.objects.filter(due_at__isnull=False).count() == 1234


def test_standard_input(prod: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(ID.encode()))

    monkeypatch.setattr("sys.stdin", Stdin)
    call_command("import_threads")
    assert Thread.objects.get().upstream_id == ID


def test_what_is_not_there_is_a_sentence(prod: Connection, tmp_path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_threads", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="no connection “x”"):
        call_command("import_threads", connection="x")
