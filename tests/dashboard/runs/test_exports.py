"""The filtered list as a file: CSV and JSON lines."""

import csv
import json

import pytest
from django.test import Client

from tests.pages import page_of
from tests.rows import made_connection, made_run, made_runs

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(db: None):
    return made_connection()


def table(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(answer.getvalue().decode("utf-8-sig").splitlines()))


def test_csv_has_the_runs_of_the_filter_newest_first(viewer: Client, prod) -> None:
    failed = [run.upstream_id for run in made_runs(prod, 3, status="failed")]
    made_run(prod)
    answer = viewer.get("/runs/export.csv", {"q": "status:failed"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="runs-')
    assert answer["Content-Disposition"].endswith('.csv"')
    assert answer["Cache-Control"] == "no-store"
    assert [row["run"] for row in table(answer)] == failed


def test_a_spreadsheet_gets_its_mark_on_request(viewer: Client, prod) -> None:
    made_run(prod)
    plain, marked = (viewer.get("/runs/export.csv", {"bom": bom}).getvalue() for bom in ("", "1"))
    assert marked == b"\xef\xbb\xbf" + plain


def test_no_cell_begins_a_formula(viewer: Client, prod) -> None:
    made_run(
        prod,
        model="=1+1",
        metadata={"a": "b"},
        assistant_id="+x",
        last_error={"code": "@x", "message": "-2"},
        status="failed",
    )
    cells = [cell for row in table(viewer.get("/runs/export.csv")) for cell in row.values()]
    assert cells
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@"}]


def test_json_lines_have_objects_as_received(viewer: Client, prod) -> None:
    run = made_run(prod, status="failed")
    made_run(prod)
    answer = viewer.get("/runs/export.jsonl", {"q": "status:failed"})
    objects = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert [one["id"] for one in objects if one["object"] == "thread.run"] == [run.upstream_id]
    assert answer["Content-Type"] == "application/jsonl"


@pytest.mark.parametrize("path", ["/runs/export.csv", "/runs/export.jsonl"])
def test_the_list_says_what_is_wrong_with_a_filter(viewer: Client, prod, path: str) -> None:
    answer = viewer.get(path, {"q": "colour:red"})
    assert (answer.status_code, answer["Location"]) == (302, "/runs/?q=colour%3Ared")


@pytest.mark.parametrize("path", ["/runs/export.csv", "/runs/export.jsonl"])
def test_who_and_how(client: Client, nobody: Client, viewer: Client, prod, path: str) -> None:
    assert client.get(path).status_code == 302
    assert nobody.get(path).status_code == 403
    assert viewer.post(path).status_code == 405
    assert viewer.get(path, {"connection": "none"}).status_code == 404


def test_a_file_is_two_clicks_away(viewer: Client, prod) -> None:
    run = made_run(made_connection("other"))
    made_run(prod)
    page = page_of(viewer.get("/runs/", {"q": "status:completed", "connection": "other", "sort": "-tokens"}))
    assert page.one("button", popovertarget="export")
    links = {link.text: link["href"] for link in page.one(id="export").all("a")}
    assert set(links) == {"CSV", "CSV for Excel with BOM", "JSON lines with steps"}
    for link in links.values():
        assert run.upstream_id in viewer.get(link).getvalue().decode()
        assert prod.slug not in viewer.get(link).getvalue().decode()
