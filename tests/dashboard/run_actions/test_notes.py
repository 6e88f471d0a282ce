"""Notes and labels of runs and threads: kept, found, on the record; nothing reaches the upstream."""

import pytest

from runsdash.audit.models import AuditEntry
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import Label, Note, NoteWord, RunStep
from tests.pages import parsed
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    return made_run(made_connection("archive", is_enabled=False), thread_id="thread_1", id="run_1")


@pytest.fixture(params=["/threads/thread_1/", "/threads/thread_1/runs/run_1/"])
def page_url(request, run):
    return request.param


def test_a_note_and_a_label_without_javascript(operator, page_url):
    assert operator.post(f"{page_url}notes/", {"text": "Refund <b>later</b>"}).status_code == 302
    answer = operator.post(f"{page_url}labels/", {"label": "  Very  Important "})
    assert answer["Location"] == f"{page_url}#notes"
    shown = parsed(operator.get(page_url)).one(id="notes")
    assert shown.one("article", data_note=True).one("p").text.strip() == "Refund <b>later</b>"
    label = shown.one("li", data_label="very important")
    of_run = "runs/" in page_url
    assert label.one("a")["href"] == f"/{'runs' if of_run else 'threads'}/?q=label%3A%22very+important%22"
    found = parsed(operator.get(label.one("a")["href"]))
    assert found.all(data_run_id="run_1") if of_run else found.all(data_thread_id="thread_1")
    entries = AuditEntry.objects.filter(kind="outcome").order_by("id")
    assert [(one.action, one.thread_id, one.run_id) for one in entries] == [
        ("add_note", "thread_1", "run_1" if of_run else ""),
        ("add_label", "thread_1", "run_1" if of_run else ""),
    ]
    assert entries[0].after["note"] == "Refund <b>later</b>"


def test_they_are_removed(operator, admin, page_url):
    operator.post(f"{page_url}notes/", {"text": "refund"})
    operator.post(f"{page_url}notes/", {"text": "later"})
    operator.post(f"{page_url}labels/", {"label": "bug"})
    operator.post(f"{page_url}labels/", {"remove": "bug"})
    first, second = Note.objects.all()
    assert operator.post(f"{page_url}notes/{first.pk}/remove/").status_code == 302
    assert list(NoteWord.objects.values_list("word", flat=True)) == ["later"]
    assert not Label.objects.exists()
    assert admin.post(f"{page_url}notes/{second.pk}/remove/").status_code == 302
    assert not Note.objects.exists()
    assert AuditEntry.objects.filter(action="remove_note", kind="intent").first().before["note"] == "refund"


def test_whoever_may_not(viewer, operator, admin, client, page_url, settings):
    admin.post(f"{page_url}notes/", {"text": "refund"})
    key = Note.objects.get().pk
    assert viewer.post(f"{page_url}notes/", {"text": "x"}).status_code == 403
    assert viewer.post(f"{page_url}labels/", {"label": "x"}).status_code == 403
    assert operator.post(f"{page_url}notes/{key}/remove/").status_code == 403
    assert client.post(f"{page_url}notes/", {"text": "x"}).status_code in (302, 401)
    settings.RUNSDASH_READ_ONLY = True
    assert admin.post(f"{page_url}labels/", {"label": "x"}).status_code == 403
    assert (Note.objects.count(), Label.objects.count()) == (1, 0)
    assert AuditEntry.objects.filter(kind="refusal").count() == 2  # those that the guard of the view let pass
    shown = parsed(viewer.get(page_url)).one(id="notes")
    assert not shown.all("form")
    assert "refund" in shown.text


@pytest.mark.parametrize(
    ("what", "typed", "at"),
    [
        ("notes/", {"text": "  "}, "id_text-err"),
        ("notes/", {"text": "x" * 4001}, "id_text-err"),
        ("notes/", {"text": "kept", "step_id": "step_of_another"}, "id_step_id-err"),
        ("labels/", {"label": " "}, "id_label-err"),
        ("labels/", {"label": "x" * 41}, "id_label-err"),
    ],
)
def test_bad_input_keeps_what_was_typed(operator, run, what, typed, at):
    answer = operator.post(f"/threads/thread_1/runs/run_1/{what}", typed)
    assert answer.status_code == 422
    form = parsed(answer)
    assert form.one(id=at).text
    for name, value in typed.items():
        field = form.one(id=f"id_{name}")
        assert field.get("value", field.text).strip() == value.strip()
    assert not Note.objects.exists()


def test_a_note_leads_to_its_step(operator, run):
    step = RunStep.objects.create(
        id=1,
        connection=run.connection,
        upstream_id="step_1",
        run=run,
        position=0,
        kind="message",
        created_at=run.created_at,
        fetched_at=run.created_at,
    )
    url = "/threads/thread_1/runs/run_1/"
    assert parsed(operator.get(f"{url}?step=step_1")).one(id="id_step_id")["value"] == "step_1"
    operator.post(f"{url}notes/", {"text": "Here it went wrong", "step_id": step.upstream_id})
    note = parsed(operator.get(url)).one("article", data_note=True)
    assert [link["href"] for link in note.all("a")] == [f"{url}?step=step_1"]


def test_they_go_with_the_thread(operator, run, page_url):
    operator.post(f"{page_url}notes/", {"text": "refund"})
    operator.post(f"{page_url}labels/", {"label": "bug"})
    assert purge_some(run.thread, within_s=10)
    assert [model.objects.count() for model in (Note, NoteWord, Label)] == [0, 0, 0]


def test_methods_and_unknown_ids(operator, run):
    assert operator.get("/threads/thread_1/labels/").status_code == 405
    assert operator.get("/threads/thread_1/notes/").status_code == 200
    assert operator.post("/threads/thread_1/notes/99/remove/").status_code == 404
    made_run(run.connection, thread_id="thread_2", id="run_2")
    operator.post("/threads/thread_2/notes/", {"text": "x"})
    assert operator.post(f"/threads/thread_1/notes/{Note.objects.get().pk}/remove/").status_code == 404
