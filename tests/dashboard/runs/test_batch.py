"""One operation on many runs."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.batch.exports import delete_old_exports, export_folder
from runsdash.actions.batch.models import BatchItem, BatchJob
from runsdash.actions.batch.working import follow_settled, work_some
from runsdash.actions.cancel_run import cancel_run
from runsdash.actions.settle.settle_unclear import settle_recent
from runsdash.audit.models import AuditEntry
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import Connection, Run
from runsdash.sync.refresh import refresh_run
from tests.connected import copied
from tests.dashboard.writing import fields, form_in, writes
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "/bulk/new/"


@pytest.fixture
def three(connection, upstream, start, settings, tmp_path) -> list[Run]:
    """Two runs that wait and one that has ended, in the index."""
    settings.FILES_DIR = settings.STATE_DIR = tmp_path
    made = [
        start("/tool", until="requires_action"),
        start("/tool", until="requires_action"),
        start("hi", until="completed"),
    ]
    rows = copied(connection, *made)
    upstream.clear_requests()
    return rows


def made_job(operator, *, q: str = "", **typed: str) -> BatchJob:
    form = fields(form_in(operator.get(NEW, {"q": q}), "bulk-form"))
    response = operator.post(NEW, form | typed)
    assert response.status_code == 302, parsed(response).one("main").text
    return BatchJob.objects.get(pk=response["Location"].strip("/").split("/")[-1])


def results(job: BatchJob) -> dict[str, str]:
    return dict(job.items.values_list("run__upstream_id", "state"))


def test_a_bad_item_ends_neither_its_job_nor_the_next(operator, upstream, three, caplog):
    bad, good = three[:2]
    job = made_job(operator, operation="tag", key="shift", value="night")
    BatchItem.objects.filter(job=job).exclude(run__in=[bad, good]).delete()
    Run.objects.filter(pk=bad.pk).update(metadata=["no", "pairs"])
    other = made_job(operator, operation="cancel", q="status:requires_action", reason="deploy")
    work_some()
    work_some()
    assert results(job) == {bad.upstream_id: "refused", good.upstream_id: "done"}
    assert set(results(other).values()) == {"done"}
    assert bad.upstream_id in caplog.text


def test_cancel_by_filter_skips_what_has_ended(operator, upstream, three):
    job = made_job(operator, operation="cancel", reason="deploy")
    assert job.total == 3
    while work_some():
        pass
    assert sorted(results(job).values()) == ["done", "done", "skipped"]
    assert sorted(one["path"].split("/")[-1] for one in writes(upstream)) == ["cancel", "cancel"]
    job.refresh_from_db()
    assert job.ended_at
    assert AuditEntry.objects.filter(kind="intent", action="cancel_run", content__reason="deploy").count() == 2


@pytest.mark.parametrize("typed", [{"operation": "cancel"}, {"operation": "tag", "key": "a", "value": "b"}])
def test_a_write_that_changed_nothing_is_not_done(typed, operator, upstream, three):
    upstream.quirk(writes_ignored=True)
    job = made_job(operator, q="status:requires_action", **typed)
    while work_some():
        pass
    assert set(results(job).values()) == {"refused"}
    said = set(job.items.values_list("message", flat=True))
    assert all(one.startswith("The server took the request and changed nothing") for one in said)
    assert set(AuditEntry.objects.filter(upstream_status=200).values_list("result", flat=True)) == {"unchanged"}


def test_what_matches_is_decided_when_the_job_is_made(operator, three):
    job = made_job(operator, q="status:requires_action", operation="cancel")
    assert job.total == 2


def test_selected_by_hand(operator, upstream, three):
    response = operator.get(NEW, {"run": [str(three[0].pk)]})
    form = form_in(response, "bulk-form")
    operator.post(NEW, fields(form) | {"operation": "tag", "key": "checked", "value": "yes"})
    while work_some():
        pass
    assert [one["body"] for one in writes(upstream)] == [{"metadata": {"checked": "yes"}}]
    assert Run.objects.get(pk=three[0].pk).metadata == {"checked": "yes"}


def test_export(connection, operator, viewer, three):
    three = [refresh_run(connection, thread_id=run.thread.upstream_id, run_id=run.upstream_id) for run in three]
    assert all(run.step_count for run in three)
    job = made_job(operator, operation="export")
    while work_some():
        pass
    lines = [json.loads(line) for line in (export_folder() / f"runs-{job.pk}.jsonl").read_text().splitlines()]
    assert {one["id"] for one in lines if one["object"] == "thread.run"} == {run.upstream_id for run in three}
    assert sum(one["object"] == "thread.run.step" for one in lines) == sum(run.step_count for run in three)
    assert all("_fetched_at" in one for one in lines)  # as export_runs writes them, so that an import takes them
    response = viewer.get(f"/bulk/{job.pk}/download/")
    assert "attachment" in response["Content-Disposition"]
    assert len(b"".join(response.streaming_content).splitlines()) == len(lines)


def test_an_export_that_a_dead_process_left_is_written_by_another(operator, three):
    job = made_job(operator, operation="export")
    left = export_folder() / f"runs-{job.pk}.jsonl.1.part"
    left.write_text("half")
    held = BatchItem.objects.filter(pk=job.items.order_by("id").first().pk)
    held.update(state="doing", lease_until=timezone.now() + timedelta(seconds=60))
    assert (work_some(), job.items.filter(state="done").count()) == (0, 0)
    held.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert work_some() == len(three)
    job.refresh_from_db()
    assert (job.file_name, bool(job.ended_at), left.exists()) == (f"runs-{job.pk}.jsonl", True, False)


@pytest.mark.parametrize("operation", ["cancel", "tag", "export"])
@pytest.mark.parametrize("columns", [{"is_active": False}, {"role": "viewer"}, {"role": ""}])
def test_who_lost_the_right_does_nothing_more_by_a_job(operator, upstream, three, operation, columns):
    job = made_job(operator, operation=operation, key="shift", value="night")
    User.objects.filter(pk=operator.user.pk).update(**columns)
    while work_some():
        pass
    assert "done" not in results(job).values()  # an ended run has nothing to cancel, which is no refusal
    assert "refused" in results(job).values()
    assert writes(upstream) == []
    assert list(export_folder().iterdir()) == []
    job.refresh_from_db()
    assert job.ended_at


@pytest.mark.parametrize("operation", ["cancel", "tag", "export"])
def test_a_job_follows_its_account_and_not_the_name(operator, upstream, three, operation):
    job = made_job(operator, operation=operation, key="shift", value="night")
    User.objects.filter(pk=operator.user.pk).update(username="renamed", username_key="renamed")
    User.objects.create_user("operator", password="a password of another", role="viewer")
    while work_some():
        pass
    assert set(results(job).values()) <= {"done", "skipped"}
    actors = AuditEntry.objects.filter(action__in=["cancel_run", "modify_run"]).values_list("actor", flat=True)
    assert set(actors) == ({"renamed"} if operation != "export" else set())
    assert parsed(operator.get(f"/bulk/{job.pk}/")).one("main").text.count("by operator,") == 1
    User.objects.filter(pk=operator.user.pk).delete()
    job.refresh_from_db()
    assert (job.actor, job.created_by) == (None, "operator")


@pytest.fixture
def exported(operator, three) -> BatchJob:
    job = made_job(operator, operation="export")
    while work_some():
        pass
    job.refresh_from_db()
    assert (export_folder() / job.file_name).is_file()
    return job


def is_there(client, job: BatchJob) -> bool:
    link = parsed(client.get(f"/bulk/{job.pk}/")).all("a", href=f"/bulk/{job.pk}/download/")
    answer = client.get(f"/bulk/{job.pk}/download/")
    answer.close()
    assert bool(link) == (answer.status_code == 200)
    return bool(link)


def test_an_export_ends_with_a_thread_in_it(operator, exported, three):
    while not purge_some(three[0].thread, within_s=5):
        pass
    assert not is_there(operator, exported)
    assert list(export_folder().iterdir()) == []


def test_an_export_that_stood_in_the_old_folder_is_found_and_purged(operator, settings, exported, three, tmp_path):
    settings.STATE_DIR = tmp_path / "state"
    old = settings.STATE_DIR / "exports" / exported.file_name
    old.parent.mkdir(parents=True)
    (export_folder() / exported.file_name).rename(old)
    assert is_there(operator, exported)
    while not purge_some(three[0].thread, within_s=5):
        pass
    assert not is_there(operator, exported)
    assert not old.exists()


def test_what_is_purged_while_it_is_exported_is_in_no_file(operator, three):
    """The purge comes after the lines were written and before the file is offered."""
    job = made_job(operator, operation="export")

    def purge() -> None:
        while not purge_some(three[0].thread, within_s=5):
            pass

    with database.execute_wrapper(at_the_end_of_lines([purge])):
        assert work_some() == 0
    assert list(export_folder().iterdir()) == []
    assert work_some() == 2
    text = (export_folder() / f"runs-{job.pk}.jsonl").read_text()
    assert three[0].upstream_id not in text
    assert three[1].upstream_id in text


def at_the_end_of_lines(acts: list) -> Callable:
    """Calls what is in `acts` once, before the statement that names the finished file."""

    def wrapper(execute, sql, params, many, context):
        if acts and sql.startswith("UPDATE") and '"file_name"' in sql:
            acts.pop()()
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.parametrize(
    ("days", "age_days", "stays"), [(7, 6.9, True), (7, 7.1, False), (2, 2.1, False), (0, 99, True)]
)
def test_an_export_is_kept_for_some_days(operator, settings, exported, days, age_days, stays):
    settings.RUNSDASH_EXPORT_DAYS = days
    BatchJob.objects.update(ended_at=timezone.now() - timedelta(days=age_days))
    delete_old_exports()
    assert is_there(operator, exported) == stays
    assert (export_folder() / f"runs-{exported.pk}.jsonl").exists() == stays


def test_a_second_post_makes_no_second_job(operator, three):
    form = fields(form_in(operator.get(NEW), "bulk-form")) | {"operation": "cancel"}
    first, second = operator.post(NEW, form), operator.post(NEW, form)
    assert first["Location"] == second["Location"]
    assert BatchJob.objects.count() == 1


def test_a_process_that_died_after_sending_is_not_repeated(operator, upstream, three):
    """The write went out, the item's result did not come to be kept."""
    job = made_job(operator, q="status:requires_action", operation="cancel")
    item = job.items.first()
    cancel_run(actor=operator.user, run=item.run, token=item.token)
    BatchItem.objects.filter(pk=item.pk).update(state="doing", lease_until=timezone.now() - timedelta(seconds=1))
    upstream.clear_requests()

    while work_some():
        pass

    assert set(results(job).values()) == {"done"}
    assert [one["path"] for one in writes(upstream) if item.run.upstream_id in one["path"]] == []


def test_an_unclear_item_takes_over_what_is_found_by_reading(operator, upstream, three):
    upstream.fault("POST /cancel", "reset_after")
    job = made_job(operator, q="status:requires_action", operation="cancel")
    while work_some():
        pass
    assert sorted(results(job).values()) == ["done", "unclear"]
    Run.objects.update(fetched_at=timezone.now() - timedelta(minutes=1), checked_at=None)
    assert follow_settled() == 0

    settle_recent()

    assert follow_settled() == 1
    assert set(results(job).values()) == {"done"}
    assert len(writes(upstream)) == 2


def test_an_upstream_that_is_not_there_uses_up_no_items(operator, upstream, connection, three):
    job = made_job(operator, q="status:requires_action", operation="cancel")
    Connection.objects.filter(pk=connection.pk).update(rests_until=timezone.now() + timedelta(minutes=1))
    assert work_some() == 0
    Connection.objects.filter(pk=connection.pk).update(rests_until=None, base_url="http://127.0.0.1:9/v1", failures=2)
    connection.refresh_from_db()
    connection.save()

    while work_some():
        pass

    assert sorted(results(job).values()) == ["refused", "waiting"]
    job.refresh_from_db()
    assert job.ended_at is None


def test_stop(operator, upstream, three):
    job = made_job(operator, operation="cancel")
    assert operator.post(f"/bulk/{job.pk}/stop/").status_code == 302
    while work_some():
        pass
    job.refresh_from_db()
    assert job.ended_at
    assert writes(upstream) == []


def test_a_refusal_is_an_items_result(operator, upstream, three):
    upstream.fault("POST /cancel", "429", times=None)
    job = made_job(operator, q="status:requires_action", operation="cancel")
    while work_some():
        pass
    assert set(results(job).values()) == {"refused"}


def test_the_page_shows_progress_and_results(viewer, operator, three):
    job = made_job(operator, operation="cancel")
    page = parsed(viewer.get(f"/bulk/{job.pk}/"))
    assert page.one(id="poll").get("hx-get")
    while work_some():
        pass
    page = parsed(viewer.get(f"/bulk/{job.pk}/"))
    assert page.one(id="poll").get("hx-get") is None
    assert page.one("progress")["value"] == "3"
    assert len(page.one(id="bulk-items").all("tr", data_result="done")) == 2


@pytest.mark.parametrize(("typed", "words"), [({"operation": "tag"}, "key"), ({"operation": "explode"}, "choice")])
def test_bad_input(operator, three, typed, words):
    form = fields(form_in(operator.get(NEW), "bulk-form")) | typed
    response = operator.post(NEW, form)
    assert response.status_code == 422
    assert words in form_in(response, "bulk-form").text
    assert not BatchJob.objects.exists()


def test_a_bad_filter_is_said(operator, three):
    response = operator.get(NEW, {"q": "nonsense:1"})
    assert response.status_code == 422
    assert "nonsense" in form_in(response, "bulk-form").one(role="alert").text


def test_not_allowed(viewer, client, three):
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(NEW, {}).status_code == 403
    assert client.get("/bulk/").status_code == 302
    assert viewer.get("/bulk/").status_code == 200


def test_a_read_only_server_refuses_on_the_record(operator, three, settings):
    form = fields(form_in(operator.get(NEW, {"q": ""}), "bulk-form"))
    settings.RUNSDASH_READ_ONLY = True
    assert operator.post(NEW, form | {"operation": "cancel"}).status_code == 403
    assert AuditEntry.objects.get(kind="refusal").action == "bulk_new"
    assert not BatchJob.objects.exists()


def test_unknown_job_and_wrong_method(operator):
    assert operator.get("/bulk/99/").status_code == 404
    assert operator.get("/bulk/99/stop/").status_code == 405


def test_the_list_offers_selection_to_operators_only(operator, viewer, three):
    page = parsed(operator.get("/runs/"))
    assert {box["value"] for box in page.all("input", class_="rowcheck")} == {str(run.pk) for run in three}
    assert {box["form"] for box in page.all("input", class_="rowcheck")} == {page.one("form", class_="bulk")["id"]}
    assert parsed(viewer.get("/runs/")).all("input", class_="rowcheck") == []


def test_nothing_is_chosen_that_destroys_or_cannot_apply(operator, three):
    def radios(**query):
        page = parsed(operator.get("/bulk/new/", query))
        return {one["value"]: (one.get("checked"), one.get("disabled")) for one in page.all("input", type="radio")}

    free, chosen, off = (None, None), ("", None), (None, "")
    assert radios(q="is:active") == {"export": free, "tag": free, "cancel": free}
    assert radios(q="is:active", operation="cancel") == {"export": free, "tag": free, "cancel": chosen}
    assert radios(q="is:ended", operation="cancel") == {"export": free, "tag": free, "cancel": off}
    assert radios(q="is:ended", operation="export") == {"export": chosen, "tag": free, "cancel": off}


def test_what_a_server_does_not_offer_is_said_before_and_asked_once(operator, upstream, three):
    upstream.quirk(lacks=["POST /threads/{thread_id}/runs/{run_id}/cancel"])
    job = made_job(operator, q="status:requires_action", operation="cancel")
    while work_some():
        pass
    assert set(results(job).values()) == {"refused"}
    assert [one["status"] for one in writes(upstream)] == [404]  # the second was not sent
    assert any("this server does not offer it" in one for one in job.items.values_list("message", flat=True))
    form = form_in(operator.get(NEW, {"q": "status:requires_action"}), "bulk-form")
    cancel = form.one("input", name="operation", value="cancel")
    assert "disabled" in cancel.attributes
    assert form.one(data_lack="cancel_run").text.startswith("Not 2 runs on sandbox: this server does not offer it.")
    assert "disabled" not in form.one("input", name="operation", value="tag").attributes
