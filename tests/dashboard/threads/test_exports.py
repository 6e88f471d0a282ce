"""The filtered list of threads as a file: CSV and JSON lines."""

import csv
import json

import pytest
from django.test import Client

from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
CSV, JSONL = "/threads/export.csv", "/threads/export.jsonl"


@pytest.fixture
def prod(db: None) -> Connection:
    connection = made_connection()
    made_run(connection, thread_id="thread_a", age_s=900)
    made_run(connection, thread_id="thread_a", age_s=600)
    made_run(connection, thread_id="thread_b", status="failed", age_s=300)
    ensure_threads(connection, ["thread_c"])
    return connection


def table(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(answer.getvalue().decode("utf-8-sig").splitlines()))


def test_csv_has_a_line_a_thread_the_last_active_first(viewer: Client, prod: Connection) -> None:
    Connection.objects.update(customer_key="customer")
    Thread.objects.filter(upstream_id="thread_a").update(metadata={"customer": "C-14"}, first_question="=Where?")
    answer = viewer.get(CSV)
    rows = table(answer)
    assert [row["thread"] for row in rows] == ["thread_b", "thread_a", "thread_c"]
    assert [row["runs"] for row in rows] == ["1", "2", "0"]
    assert [row["last_status"] for row in rows] == ["failed", "completed", ""]
    assert (rows[1]["customer"], rows[1]["first_question"]) == ("C-14", "'=Where?")
    assert answer["Content-Disposition"].startswith('attachment; filename="threads-')
    assert [row["thread"] for row in table(viewer.get(CSV, {"q": "status:failed"}))] == ["thread_b"]
    assert viewer.get(CSV, {"bom": "1"}).getvalue() == b"\xef\xbb\xbf" + viewer.get(CSV).getvalue()


def test_json_lines_have_whole_conversations(viewer: Client, prod: Connection) -> None:
    objects = [json.loads(line) for line in viewer.get(JSONL, {"q": "runs>1"}).getvalue().splitlines()]
    own = set(Run.objects.filter(thread__upstream_id="thread_a").values_list("upstream_id", flat=True))
    assert len(own) == 2
    assert {one["id"] for one in objects if one["object"] == "thread.run"} == own


def test_a_file_is_two_clicks_away(viewer: Client, prod: Connection) -> None:
    page = page_of(viewer.get("/threads/", {"q": "status:failed", "sort": "-cost"}))
    assert page.one("button", popovertarget="export")
    links = {link.text: link["href"] for link in page.one(id="export").all("a")}
    assert set(links) == {"CSV", "CSV for Excel with BOM", "JSON lines with runs and messages"}
    [run] = Run.objects.filter(status="failed")
    for name, link in links.items():
        found = viewer.get(link).getvalue().decode()
        assert run.upstream_id in found if "JSON" in name else "thread_b" in found
        assert "thread_a" not in found


@pytest.mark.parametrize("path", [CSV, JSONL])
def test_the_list_says_what_is_wrong_with_a_filter(viewer: Client, prod: Connection, path: str) -> None:
    answer = viewer.get(path, {"q": "colour:red"})
    assert (answer.status_code, answer["Location"]) == (302, "/threads/?q=colour%3Ared")


@pytest.mark.parametrize("path", [CSV, JSONL])
def test_who_and_how(client: Client, nobody: Client, viewer: Client, prod: Connection, path: str) -> None:
    assert client.get(path).status_code == 302
    assert nobody.get(path).status_code == 403
    assert viewer.post(path).status_code == 405
    assert viewer.get(path, {"connection": "none"}).status_code == 404
