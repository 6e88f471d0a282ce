"""Checks that an import writes the rows that snapshots do, from any order of lines and any bad ones."""

import gzip
import io
import json
import os
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.generate import Past, write
from runsdash.index.importing.blocks import ImportSource
from runsdash.index.importing.database_settings import current_settings, settings_of_the_session
from runsdash.index.importing.files import sources_of
from runsdash.index.importing.run_import import import_sources
from runsdash.index.models import Connection, Message, Run, RunStep, Thread
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.index.storage.keys import key_for
from runsdash.service import objects
from runsdash.service.decoding import decode_json
from tests.index.snapshots.snapshots import everything
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
AGE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
UNTIL = int(AGE.timestamp()) - 3600


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def past(runs: int, *, seed: int = 1, body_bytes: int = 300) -> list[dict]:
    file = io.BytesIO()
    write(Past(runs=runs, body_bytes=body_bytes, seed=seed, until=UNTIL), file)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def lines(raws: list[dict]) -> bytes:
    return b"".join(json.dumps(raw, separators=(",", ":")).encode() + b"\n" for raw in raws)


def imported(connection: Connection, content: bytes | list[dict], *, age: datetime = AGE, **options: int | bool):
    content = content if isinstance(content, bytes) else lines(content)
    source = ImportSource("file", io.BytesIO(content), age)
    return import_sources(connection, [source], **{"processes": 0} | options)


def expired_step(id: str, function: str, created: int, **fields: object) -> dict:
    call = {"id": f"call_{id}", "type": "function", "function": {"name": function, "arguments": "{}", "output": None}}
    return {
        "id": id, "object": "thread.run.step", "run_id": "run_late", "thread_id": "thread_late", "type": "tool_calls",
        "status": "expired", "created_at": created + 4, "step_details": {"type": "tool_calls", "tool_calls": [call]},
    } | fields  # fmt: skip


def upserted(connection: Connection, raws: list[dict], *, age: datetime = AGE) -> None:
    """The same objects as a worker would have taken them in."""
    by_kind: dict[str, list[dict]] = {}
    for raw in raws:
        by_kind.setdefault(raw["object"], []).append(raw)
    threads = [objects.Thread.from_raw(raw) for raw in by_kind.get("thread", [])]
    upsert_threads(connection, threads, fetched_at=age)
    runs = upsert_runs(connection, [objects.Run.from_raw(raw) for raw in by_kind["thread.run"]], fetched_at=age)
    for run in runs.values():
        own = [raw for raw in by_kind.get("thread.run.step", []) if raw["run_id"] == run.upstream_id]
        upsert_steps(run, [objects.RunStep.from_raw(raw) for raw in own], fetched_at=age)
    for thread in Thread.objects.filter(connection=connection):
        own = [raw for raw in by_kind.get("thread.message", []) if raw["thread_id"] == thread.upstream_id]
        upsert_messages(thread, [objects.Message.from_raw(raw) for raw in own], fetched_at=age)


def test_an_import_writes_what_the_upsert_would(prod: Connection) -> None:
    raws, other = past(60), made_connection("other")
    totals = imported(prod, raws)
    upserted(other, raws)
    ours, theirs = everything(prod), everything(other)
    for name in theirs:
        assert ours[name] == theirs[name], name
    assert (totals.runs, totals.rows, totals.refused_lines) == (60, len(raws), [])


def test_any_order_of_lines_gives_the_same(prod: Connection) -> None:
    raws, other = past(40), made_connection("other")
    imported(prod, raws)
    shuffled = raws[:]
    random.Random(3).shuffle(shuffled)
    pieces = [shuffled[start : start + 37] for start in range(0, len(shuffled), 37)]
    import_sources(other, [ImportSource("piece", io.BytesIO(lines(piece)), AGE) for piece in pieces], processes=0)
    ours, theirs = everything(prod, without={"position"}), everything(other, without={"position"})
    for name in ours:
        if name != "RunText":
            assert ours[name] == theirs[name], name
    for (_, words, _), (_, others, _) in zip(ours["RunText"], theirs["RunText"], strict=True):
        assert sorted(words.split()) == sorted(others.split())


def test_steps_before_their_run_in_one_import(prod: Connection) -> None:
    raws, other = past(40), made_connection("other")
    imported(prod, raws)
    steps = [raw for raw in raws if raw["object"] == "thread.run.step"]
    rest = [raw for raw in raws if raw["object"] != "thread.run.step"]
    sources = [ImportSource(name, io.BytesIO(lines(some)), AGE) for name, some in (("steps", steps), ("rest", rest))]
    totals = import_sources(other, sources, processes=0)
    assert totals.orphan_steps == 0
    assert everything(prod) == everything(other)


def test_an_expired_run_waited_for_what_its_steps_left_open(prod: Connection) -> None:
    created = int(AGE.timestamp()) - 900
    run = run_object(
        id="run_late", thread_id="thread_late", status="expired", created_at=created, started_at=created + 1
    )
    steps = [
        expired_step("step_1", "read_logger", created, status="completed"),  # its server leaves outputs out
        expired_step("step_2", "find_shipment", created, expired_at=created + 600),
    ]
    known = {name: made_connection(name) for name in ("upserted", "at once", "steps first", "steps last")}
    upserted(known["upserted"], [run, *steps])
    imported(known["at once"], [run, *steps])
    for name, parts in {"steps first": (steps, [run]), "steps last": ([run], steps)}.items():
        import_sources(known[name], [ImportSource("part", io.BytesIO(lines(part)), AGE) for part in parts], processes=0)
    imported(known["steps last"], steps)
    imported(known["steps last"], [run | {"metadata": {"seen": "again"}}], age=AGE + timedelta(minutes=5))
    for name, connection in known.items():
        row = Run.objects.get(connection=connection)
        assert [call["name"] for call in row.pending_calls] == ["find_shipment"], name
        assert (row.ended_at - row.created_at, row.duration_s) == (timedelta(seconds=600), 599), name


def test_steps_of_unknown_runs_are_told(prod: Connection) -> None:
    steps = [raw for raw in past(5) if raw["object"] == "thread.run.step"]
    totals = imported(prod, steps)
    assert (totals.orphan_steps, RunStep.objects.count()) == (len(steps), 0)


def test_a_second_import_changes_nothing(prod: Connection) -> None:
    raws = past(40)
    raws.append({"object": "thread", "id": "thread_never_read", "_is_only_id": True})
    assert imported(prod, raws).threads == len([raw for raw in raws if raw["object"] == "thread"])
    before = everything(prod)
    totals = imported(prod, raws)
    assert (totals.rows, totals.unchanged) == (0, len(raws))
    assert everything(prod) == before


def test_the_same_objects_read_later_only_get_their_age(prod: Connection) -> None:
    raws, later = past(10), AGE + timedelta(minutes=5)
    imported(prod, raws)
    before = everything(prod, without={"fetched_at", "checked_at"})
    imported(prod, [raw for raw in raws if raw["object"] != "thread"], age=later)
    assert everything(prod, without={"fetched_at", "checked_at"})["Run"] == before["Run"]
    assert set(Run.objects.values_list("fetched_at", flat=True)) == {later}


def test_an_older_file_changes_nothing(prod: Connection) -> None:
    raws = past(10)
    imported(prod, raws)
    before = everything(prod)
    older = [raw | {"metadata": {"changed": "yes"}} for raw in raws]
    imported(prod, older, age=AGE - timedelta(minutes=5))
    assert everything(prod) == before


def test_a_newer_snapshot_merges_as_the_upsert_does(prod: Connection) -> None:
    waits = run_object(status="requires_action", id="run_a", thread_id="thread_a")
    done = run_object(status="completed", id="run_a", thread_id="thread_a") | {"created_at": waits["created_at"]}
    totals = imported(prod, [waits])
    imported(prod, [done], age=AGE + timedelta(seconds=5))
    run = Run.objects.get()
    assert run.status == "completed"
    assert run.expires_at is not None
    assert [call["name"] for call in run.pending_calls] == ["get_stock"]
    assert list(run.statuses_seen.values_list("status", flat=True)) == ["requires_action", "completed"]
    assert (Thread.objects.get().run_count, totals.runs) == (1, 1)


def test_a_terminal_status_is_not_left(prod: Connection) -> None:
    imported(prod, [run_object(status="completed", id="run_a")])
    imported(prod, [run_object(status="in_progress", id="run_a")], age=AGE + timedelta(days=1))
    assert Run.objects.get().status == "completed"


def test_several_snapshots_of_a_run_in_one_file_are_its_history(prod: Connection) -> None:
    raws = [run_object(status=status, id="run_a", thread_id="t") for status in ("completed", "queued", "in_progress")]
    ages = [AGE + timedelta(seconds=seconds) for seconds in (9, 1, 5)]
    content = lines([raw | {"_fetched_at": age.isoformat()} for raw, age in zip(raws, ages, strict=True)])
    imported(prod, content)
    seen = Run.objects.get().statuses_seen.order_by("seen_at").values_list("status", "seen_at")
    assert list(seen) == [("queued", ages[1]), ("in_progress", ages[2]), ("completed", ages[0])]
    assert Thread.objects.get().run_count == 1


def test_taken_keys_are_gone_around(prod: Connection) -> None:
    """Two objects whose preferred keys are one: neither overwrites the other."""
    raw = run_object(id="run_a")
    created_at = datetime.fromtimestamp(raw["created_at"], UTC)
    key = key_for(connection_id=prod.pk, upstream_id="run_a", created_at=created_at)
    other = upsert_runs(prod, [objects.Run.from_raw(run_object(id="run_b"))], fetched_at=AGE)["run_b"]
    Run.objects.filter(pk=other.pk).delete()
    Run.objects.create(
        id=key, connection=prod, upstream_id="run_c", thread=other.thread, created_at=created_at, status="completed"
    )
    imported(prod, [raw])
    assert Run.objects.get(upstream_id="run_a").pk == key + 1
    assert Run.objects.get(upstream_id="run_c").pk == key


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"nonsense", "not JSON"),
        (b"[1,2]", "not a JSON object"),
        (b'{"object":"list","data":"x"}', "its object is 'list'"),
        (b'{"object":"vector_store","id":"vs_1"}', "its object is 'vector_store'"),
        (b'{"object":"thread.run","thread_id":"t"}', "has no id"),
        (b'{"object":"thread.run","id":"r"}', "has no thread_id"),
        (b'{"object":"thread.run.step","id":"s"}', "has no run_id"),
        (b'{"object":"thread.message","id":"m"}', "has no thread_id"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_told_and_the_rest_goes_on(prod: Connection, line: bytes, sentence: str) -> None:
    totals = imported(prod, b"\n" + line + b"\n" + lines([run_object()]))
    assert (totals.refused, totals.refused_lines[0].number, Run.objects.count()) == (1, 2, 1)
    assert sentence in totals.refused_lines[0].reason


HOSTILE = [
    {"id": "run_" + "x" * 500},
    {"id": "run_\x00\ud800"},
    {"thread_id": "thread_\udfff" + "y" * 400},
    {"metadata": {"k\x00": "v\ud83d", "long": "z" * 5000}},
    {"usage": {"prompt_tokens": 10**25, "completion_tokens": -4, "total_tokens": "many"}},
    {"created_at": "never", "started_at": 10**18, "expires_at": -1},
    {"status": "brand_new\x00", "model": 5, "tools": "x", "instructions": "a\x00b" * 50_000},
    {"last_error": {"code": "x" * 900, "message": "\udcff" * 3000}, "status": "failed"},
    {"required_action": {"submit_tool_outputs": {"tool_calls": [{"function": {"name": "n" * 300}}] * 70}}},
]


@pytest.mark.parametrize("fields", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_come_in_as_by_the_upsert(prod: Connection, fields: dict) -> None:
    sent, other = json.dumps(run_object(status="requires_action") | fields).encode(), made_connection("other")
    assert not imported(prod, sent).refused_lines
    upsert_runs(other, [objects.Run.from_raw(decode_json(sent))], fetched_at=AGE)
    ours, theirs = everything(prod), everything(other)
    for name in ("Run", "RunMetadata", "RunTool", "StatusSeen", "homes"):
        assert ours[name] == theirs[name], name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=80) | st.just(b'{"object":"thread.run","id":"r","thread_id":"t"}'), max_size=8))
def test_no_bytes_stop_an_import(prod: Connection, some: list[bytes]) -> None:
    totals = imported(prod, b"\n".join(some))
    assert totals.runs <= len(some)


def test_gzip_and_several_files_by_command(prod: Connection, tmp_path, capsys) -> None:
    raws = past(30)
    middle = len(raws) // 2
    (tmp_path / "one.jsonl").write_bytes(lines(raws[:middle]))
    (tmp_path / "two.jsonl.gz").write_bytes(gzip.compress(lines(raws[middle:])))
    call_command("import_runs", str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl.gz"), connection="prod")
    assert "30 runs" in capsys.readouterr().out
    assert Run.objects.count() == 30
    assert Message.objects.count() == sum(raw["object"] == "thread.message" for raw in raws)


def test_the_files_own_time_is_the_age(prod: Connection, tmp_path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([run_object()]))
    os.utime(path, (AGE.timestamp(), AGE.timestamp()))
    with sources_of([str(path)]) as sources:
        import_sources(prod, sources)
    assert Run.objects.get().fetched_at == AGE


def test_an_unknown_connection_is_a_sentence(prod: Connection, tmp_path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    with pytest.raises(CommandError, match="no connection “nowhere”"):
        call_command("import_runs", str(path), connection="nowhere")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_runs", str(tmp_path / "missing"))


def test_without_any_connection_an_archive_is_made(db: None, tmp_path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([run_object()]))
    call_command("import_runs", str(path))
    connection = Connection.objects.get()
    assert (connection.slug, connection.is_enabled) == ("imported", False)
    assert Run.objects.get().has_all_steps


@pytest.mark.parametrize("is_apart", [False, True])
def test_an_ended_run_of_an_archive_lacks_what_an_open_step_became(db: None, is_apart: bool) -> None:
    """Nobody will tell. `is_apart`: the steps come in a later file."""
    archive = made_connection("imported", base_url="", is_enabled=False)
    raws = past(30)
    run_ids = [raw["id"] for raw in raws if raw["object"] == "thread.run" and raw["status"] == "completed"][:2]
    still_open, ended = run_ids
    for raw in raws:
        if raw["object"] == "thread.run.step" and raw["run_id"] == still_open:
            raw |= {"status": "in_progress", "completed_at": None}
    steps = [raw for raw in raws if raw["object"] == "thread.run.step" and raw["run_id"] in run_ids]
    rest = [raw for raw in raws if raw not in steps and raw.get("run_id") not in run_ids]
    for some in (rest, steps) if is_apart else ([*rest, *steps],):
        imported(archive, some)
    found = dict(Run.objects.filter(upstream_id__in=run_ids).values_list("upstream_id", "has_all_steps"))
    assert found == {still_open: False, ended: True}


def test_a_live_run_has_not_all_steps_whatever_an_older_export_says(prod: Connection, tmp_path) -> None:
    path = tmp_path / "a.jsonl"
    kept = b',"_fetched_at":"2026-11-20T11:00:00+00:00","_kept":{"has_all_steps":true}}\n'
    runs = [run_object(id="run_a", status="in_progress"), run_object(id="run_b", status="completed")]
    path.write_bytes(b"".join(json.dumps(run).encode()[:-1] + kept for run in runs))
    call_command("import_runs", str(path))
    assert dict(Run.objects.values_list("upstream_id", "has_all_steps")) == {"run_a": False, "run_b": True}


def test_several_connections_need_a_choice(prod: Connection, tmp_path) -> None:
    made_connection("other")
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    with pytest.raises(CommandError, match="Choose one with --connection"):
        call_command("import_runs", str(path))


@pytest.mark.long
@pytest.mark.long
def test_processes_give_the_same(prod: Connection) -> None:
    raws = past(1000)  # three blocks: one process waits while two work
    other = made_connection("other")
    imported(prod, raws, processes=2)
    for start in range(0, len(raws), 3000):
        imported(other, raws[start : start + 3000])
    ours, theirs = everything(prod), everything(other)
    for name in ours:
        assert ours[name] == theirs[name], name


def test_its_settings_of_the_database_end_with_it(prod: Connection) -> None:
    """A commit that nothing flushes would be bad for what a worker writes next: what was sent to a server, say."""
    asked = {"cache_size": -1_000, "wal_autocheckpoint": 7}
    if database.vendor == "postgresql":
        asked = {"gin_pending_list_limit": "2MB", "synchronous_commit": "on"}
    inside: list[dict] = []
    with settings_of_the_session(asked):
        sources = [ImportSource("file", io.BytesIO(lines(past(5))), AGE)]
        import_sources(prod, sources, processes=0, on_progress=lambda _: inside.append(current_settings(asked)))
        assert inside
        assert not set(asked.items()) & set(inside[0].items())
        assert current_settings(asked) == asked
