"""A run as a zip: everything of it as received, with the files that are kept."""

import io
import json
from zipfile import ZipFile

import pytest
from django.core.management import call_command
from django.utils import timezone

from runsdash.index.exporting.run_zip import safe
from runsdash.index.keeping.archive import file_ids_of_run, keep_file, meter_of, want_files
from runsdash.index.models import ArchivedFile, Assistant, Connection, Label, Note, Run, RunStep, Thread
from runsdash.index.notes import give_label
from tests.dashboard.conftest import path_of
from tests.index.snapshots.snapshots import everything
from tests.rows import preview_of

pytestmark = pytest.mark.django_db(transaction=True)


def zip_of(response) -> ZipFile:
    return ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def test_it_holds_the_run_its_steps_and_messages_as_received(connection, start, upstream, open_run):
    run = start("hello", until="completed")
    response = open_run(run, "export.zip")
    assert response["Content-Disposition"] == f'attachment; filename="{run["id"]}.zip"'
    assert response["X-Content-Type-Options"] == "nosniff"
    held = zip_of(response)
    assert held.testzip() is None
    assert json.loads(held.read("run.json")) == upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")
    steps = [name for name in held.namelist() if name.startswith("steps/")]
    assert [json.loads(held.read(name)) for name in steps] == upstream.steps(run)
    said = [json.loads(held.read(name))["role"] for name in held.namelist() if name.startswith("messages/")]
    assert said == ["user", "assistant"]
    manifest = json.loads(held.read("manifest.json"))
    assert (manifest["run_id"], manifest["steps"], manifest["messages"]) == (run["id"], len(steps), 2)


def test_files_that_are_kept_come_along_and_others_are_named(connection, start, open_run):
    run = start("/plot", until="completed")
    open_run(run)
    row = Run.objects.select_related("thread", "connection").get()
    named = preview_of(RunStep.objects.get(run=row, kind="code").body)["calls"][0]["images"]
    assert json.loads(zip_of(open_run(run, "export.zip")).read("manifest.json"))["files_not_kept"] == named
    want_files(row.thread, named)
    keep_file(row.connection, named[0], content=b"\x89PNG", content_type="image/png", fetched_at=timezone.now())
    held = zip_of(open_run(run, "export.zip"))
    assert held.read(f"files/{named[0]}") == b"\x89PNG"
    assert json.loads(held.read("manifest.json"))["files"] == 1


def test_an_import_takes_it(connection, start, open_run, tmp_path):
    run = start("/plot /search parcel /tool nobody", until="requires_action")
    open_run(run)
    row = Run.objects.select_related("thread", "connection").get()
    ids = want_files(row.thread, file_ids_of_run(row))
    keep_file(connection, ids[0], content=b"\x89PNG", content_type="image/png", fetched_at=timezone.now())
    Run.objects.update(archived_at=timezone.now())
    Thread.objects.update(has_all_messages=True)
    give_label(row, "bug", given_by="ada")
    give_label(row.thread, "vip", given_by="ada")  # of the thread, of which a zip has a part
    Note.objects.create(thread=row.thread, run=row, text="Ask again", written_by="ada", step_id="step_1")
    (tmp_path / "run.zip").write_bytes(b"".join(open_run(run, "export.zip").streaming_content))
    Connection.objects.create(slug="other", name="other", kind="sandbox", is_enabled=False)

    call_command("import_runs", str(tmp_path / "run.zip"), connection="other")

    other = Connection.objects.get(slug="other")
    aside = {"archived_at", "has_all_runs", "has_all_messages", "runs_cursor", "messages_cursor", "lease_token"}
    aside |= {"steps_walked_at", "messages_read_at"}
    ours, theirs = everything(connection, without=aside), everything(other, without=aside)
    for name in ours:
        assert ours[name] == theirs[name], name
    files = ArchivedFile.objects.values_list("upstream_id", "status", "fetched_at", "content").order_by("upstream_id")
    assert list(files.filter(connection=other)) == list(files.filter(connection=connection))
    assert (
        Assistant.objects.get(connection=other).name
        == Assistant.objects.get(connection=connection, upstream_id=row.assistant_id).name
    )
    [note] = Note.objects.filter(run__connection=other)
    assert (note.text, note.written_by, note.step_id) == ("Ask again", "ada", "step_1")
    assert [one.name for one in Label.objects.filter(thread__connection=other)] == ["bug"]
    assert not Run.objects.filter(connection=other, archived_at__isnull=False).exists()
    assert not meter_of(Thread.objects.get(connection=other)).is_complete


def test_a_large_output_is_streamed_whole(connection, upstream, open_run):
    run = upstream.seed(status="completed", steps=1, output_bytes=3_000_000)
    response = open_run(run, "export.zip")
    pieces = list(response.streaming_content)
    assert max(map(len, pieces)) < 500_000
    held = ZipFile(io.BytesIO(b"".join(pieces)))
    (name,) = [one for one in held.namelist() if one.startswith("steps/")]
    assert len(held.read(name)) > 3_000_000


@pytest.mark.parametrize(
    ("name", "found"), [("../../etc/passwd", "______etc_passwd"), ("a\x00b/c", "a_b_c"), ("", "_")]
)
def test_a_hostile_id_is_no_path(name, found):
    assert safe(name) == found


def test_unknown_and_not_allowed(connection, upstream, open_run, client):
    run = upstream.seed()
    assert open_run({"thread_id": run["thread_id"], "id": "run_no"}, "export.zip").status_code == 404
    assert client.get(path_of(run, "export.zip")).status_code == 302


def test_a_copy_outlives_the_upstream(connection, upstream, open_run):
    run = upstream.seed()
    open_run(run)
    upstream.fault(run["run_id"], "502", times=20)
    assert json.loads(zip_of(open_run(run, "export.zip")).read("run.json"))["id"] == run["run_id"]


def test_the_run_page_links_to_it(connection, upstream, open_run):
    run = upstream.seed()
    assert path_of(run, "export.zip") in open_run(run).content.decode()
