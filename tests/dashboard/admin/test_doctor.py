"""The doctor's page: for administrators, what is to be mended, and figures."""

import pytest

from runsdash.index.models import Connection
from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
URL = "/doctor/"


def test_it_shows_what_to_mend_and_figures(admin, django_assert_max_num_queries):
    connection = made_connection("prod", worker_seen_at=None)
    made_run(connection)
    with django_assert_max_num_queries(40):
        page = page_of(admin.get(URL))
    rows = page.all("tr", data_finding=True)
    assert "No worker has gone round yet" in " ".join(row.text for row in rows if row["data-finding"] == "behind")
    figures = page.one("section", id="doctor-facts").text
    assert "1 thread, 1 run, 0 audit entries" in figures or "Rows, estimated" in figures


def test_what_an_upstream_said_is_text(admin):
    made_connection("prod")
    Connection.objects.update(failures=9, last_failure={"message": "<script>alert(1)</script>"})
    assert "<script>alert(1)</script>" in page_of(admin.get(URL)).one("section", id="doctor-findings").text


@pytest.mark.parametrize("who", ["viewer", "operator"])
def test_it_is_for_administrators(request, who):
    assert request.getfixturevalue(who).get(URL).status_code == 403


def test_it_is_read_only(admin, client):
    assert admin.post(URL).status_code == 405
    assert client.get(URL).status_code == 302
