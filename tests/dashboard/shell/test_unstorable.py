"""NUL in addresses, cookies and fields: PostgreSQL refuses it, so the wall before the views replaces it."""

import pytest
from django.conf import settings
from django.test import Client

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Run
from tests.rows import made_connection, made_run

NUL, SHOWN = "a\x00b", "a\ufffdb"


@pytest.fixture
def run(db: None) -> Run:
    return made_run(made_connection(), status="requires_action")


def path_of(run: Run) -> str:
    return f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"


PAGES = {"/audit/?actor=": 200, "/runs/?q=": 200, "/go/?id=": 404, "/compare/?a=": 404, "/threads/?connection=": 404}


@pytest.mark.parametrize(("path", "status"), PAGES.items())
def test_of_a_query(viewer: Client, run: Run, path: str, status: int) -> None:
    answer = viewer.get(f"{path}a%00b")
    assert (answer.status_code, SHOWN in answer.content.decode()) == (status, True)


@pytest.mark.parametrize("name", ["step", "after", "hit", "live", "a%00"])
def test_of_a_run_page(viewer: Client, run: Run, name: str) -> None:
    assert viewer.get(f"{path_of(run)}?tab=timeline&{name}=a%00b").status_code == 200


# 502: the upstream was asked, and nobody listens.
PATHS = {"/threads/a%00b/": 502, "/threads/x/runs/a%00b/raw.json": 502, "/runs/a%00b/": 404, "/functions/a%00b/": 200}


@pytest.mark.parametrize(("path", "status"), PATHS.items())
def test_of_a_path(viewer: Client, run: Run, path: str, status: int) -> None:
    answer = viewer.get(path)
    assert (answer.status_code, NUL in answer.content.decode()) == (status, False)


def test_of_a_form(operator: Client, run: Run) -> None:
    typed = {"reason": NUL, "token": NUL, "b\x00": ["c", "d"]}
    assert operator.post(f"{path_of(run)}cancel/", typed).status_code == 502
    entry = AuditEntry.objects.get(kind="intent")
    assert (entry.reason, entry.token) == (SHOWN, SHOWN)


def test_of_a_cookie(client: Client, db: None) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "a\x00bcdefghijk"  # goes out in quotes, as \000
    assert client.get("/runs/").status_code == 302


def test_of_a_sign_in(client: Client, db: None) -> None:
    assert client.post("/accounts/login/", {"login": NUL, "password": NUL, "next": NUL}).status_code == 422
