"""Lines that stand for a message, wherever they are: they read as plain words, without marks of Markdown."""

import pytest
from django.test import Client

from runsdash.dashboard.run import said
from runsdash.index.models import ChildRun, Message, Run
from runsdash.service.json_types import JsonFields
from tests.pages import page_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = "## Late again: **Where** is `NW-7`? See [terms](https://terms.example)"
READ = "Late again: Where is NW-7? See terms"


def run_path(run: Run) -> str:
    return f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"


def test_a_question_in_one_line_has_no_marks_of_markdown(operator: Client) -> None:
    prod = made_connection(is_enabled=False)
    waiting = made_run(prod, status="requires_action")
    missed = made_run(prod, status="requires_action", age_s=900)
    made_run(prod, id=missed.upstream_id, thread_id=missed.thread.upstream_id, status="expired", age_s=900)
    ChildRun.objects.create(connection=prod, upstream_id=waiting.upstream_id, parent=missed, step_key=1)
    Run.objects.update(question=ASKED)
    type(missed.thread).objects.update(first_question=ASKED)
    places = {
        "/needs-action/": ("th", "q"),
        "/needs-action/?tab=missed": ("th",),
        "/runs/": ("th",),
        "/threads/": ("th",),
        run_path(waiting): ("h1", "title", "q"),
        f"/threads/{missed.thread.upstream_id}/": ("h1", "title", "aside"),
    }
    for path, tags in places.items():
        page = page_of(operator.get(path))
        for tag in tags:
            assert any(READ in one.text for one in page.all(tag)), (path, tag)
        assert "**Where**" not in page.one("body").text, path


@pytest.mark.parametrize(
    ("text", "is_said"), [("Where is NW-7?", True), ("Where is **NW-7**?", False), ("x" * 201, False)]
)
def test_a_heading_says_all_of_a_question_without_markdown_alone(text: str, is_said: bool) -> None:
    parts: list[JsonFields] = [{"type": "text", "text": {"text": text, "size": len(text)}}]
    assert said.says_it_whole([Message(parts=parts, attachments=[])]) is is_said
