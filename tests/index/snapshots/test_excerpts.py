"""What lists show of a conversation, from whoever writes it: question and reply of a run, and the summary of a thread."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from runsdash.index.excerpts import EXCERPT_CHARS, excerpt_of
from runsdash.index.keeping.fill_columns import fill_columns
from runsdash.index.keeping.purge import purge_excerpts, purge_some
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.service import objects
from runsdash.sync.refresh import refresh_run
from runsdash.sync.worker import Worker
from tests.index.exporting.test_export import exported, taken_in
from tests.index.importing.test_import import imported, past
from tests.index.snapshots.snapshots import everything
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
AT = 1_790_000_000  # the second at which the conversation begins
AGE = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def message(name: str, text: str | None, *, at: int, run: str | None = None, role: str = "") -> dict:
    content = [] if text is None else [{"type": "text", "text": {"value": text, "annotations": []}}]
    return {
        "id": f"msg_{name}", "object": "thread.message", "thread_id": "thread_a", "created_at": AT + at,
        "role": role or ("assistant" if run else "user"), "run_id": run, "content": content,
        "status": "completed", "metadata": {}, "attachments": [],
    }  # fmt: skip


def run(name: str, *, at: int, status: str = "completed", thread: str = "thread_a") -> dict:
    return run_object(id=name, thread_id=thread, created_at=AT + at, status=status)


def take_runs(prod: Connection, *raws: dict, age_s: int = 0) -> None:
    upsert_runs(prod, [objects.Run.from_raw(raw) for raw in raws], fetched_at=AGE + timedelta(seconds=age_s))


def take_messages(prod: Connection, *raws: dict, age_s: int = 0, goes_back: bool = False) -> None:
    thread = ensure_threads(prod, ["thread_a"])["thread_a"]
    found = [objects.Message.from_raw(raw) for raw in raws]
    upsert_messages(thread, found, fetched_at=AGE + timedelta(seconds=age_s), goes_back=goes_back)


def said(prod: Connection) -> dict[str, tuple[str | None, str | None]]:
    rows = Run.objects.filter(connection=prod).order_by("pk")
    return {name: (question, reply) for name, question, reply in rows.values_list("upstream_id", "question", "reply")}


def of_thread(prod: Connection, name: str = "thread_a") -> Thread:
    return Thread.objects.get(connection=prod, upstream_id=name)


TALK = [
    message("q1", "Where is my\n\n parcel?", at=0),
    message("r1", "On its way.", at=5, run="run_1"),
    message("q2", "And the other one?", at=60),
    message("q3", "Order 7.", at=61),
    message("r2a", "Looking.", at=63, run="run_2"),
    message("r2b", "It came yesterday.", at=65, run="run_2"),
]
RUNS = [run("run_1", at=1), run("run_2", at=62)]
SAID = {"run_1": ("Where is my parcel?", "On its way."), "run_2": ("Order 7.", "It came yesterday.")}


@pytest.mark.parametrize("order", ["messages first", "runs first", "one by one", "the newest page first"])
def test_question_and_reply_come_whatever_is_read_first(prod: Connection, order: str) -> None:
    if order == "messages first":
        take_messages(prod, *TALK)
    take_runs(prod, *RUNS)
    if order == "runs first":
        take_messages(prod, *TALK)
    if order == "one by one":
        for one in TALK:
            take_messages(prod, one)
    if order == "the newest page first":
        take_messages(prod, *TALK[3:])
        take_messages(prod, *TALK[:3], goes_back=True)
    assert said(prod) == SAID
    assert (of_thread(prod).first_question, of_thread(prod).last_reply) == ("Where is my parcel?", "It came yesterday.")


def test_a_run_without_messages_has_neither(prod: Connection) -> None:
    take_runs(prod, *RUNS)
    assert said(prod) == {"run_1": ("", ""), "run_2": ("", "")}
    assert (of_thread(prod).first_question, of_thread(prod).last_reply) == ("", "")


def test_a_run_that_answers_nothing_new_has_the_question_before(prod: Connection) -> None:
    """So has each of many that ended badly, also when the question is read after them."""
    many = [run(f"run_{number}", at=100 + number, status="failed") for number in range(5, 35)]
    take_runs(prod, *RUNS, *many)
    take_messages(prod, *TALK)
    assert {said(prod)[one["id"]] for one in many} == {("Order 7.", "")}
    take_messages(prod, message("q4", "Hello?", at=120))
    assert said(prod)["run_19"] == ("Order 7.", "")
    assert said(prod)["run_20"] == said(prod)["run_34"] == ("Hello?", "")


def test_what_shares_a_second_is_told_apart_by_who_speaks(prod: Connection) -> None:
    take_messages(
        prod, message("q1", "First.", at=0), message("q2", "Second.", at=0), message("r1", "Reply.", at=0, run="run_1")
    )
    take_runs(prod, run("run_1", at=0))
    assert said(prod) == {"run_1": ("Second.", "Reply.")}


def test_a_message_without_text_hides_none(prod: Connection) -> None:
    image = {"content": [{"type": "image_file", "image_file": {"file_id": "file_1"}}]}
    take_messages(prod, message("q1", "What is this?", at=0), message("q2", None, at=1) | image)
    take_messages(prod, message("r1", "A cat.", at=3, run="run_1"), message("r2", None, at=4, run="run_1") | image)
    take_runs(prod, run("run_1", at=2))
    assert said(prod) == {"run_1": ("What is this?", "A cat.")}


def test_a_message_that_changed_is_shown_as_it_is_and_an_older_copy_changes_nothing(prod: Connection) -> None:
    take_runs(prod, RUNS[0])
    take_messages(prod, *TALK[:2])
    take_messages(prod, TALK[1] | {"content": message("", "It is here.", at=0)["content"]}, age_s=10)
    assert said(prod) == {"run_1": ("Where is my parcel?", "It is here.")}
    take_messages(prod, *TALK[:2], age_s=5)
    assert said(prod) == {"run_1": ("Where is my parcel?", "It is here.")}
    assert of_thread(prod).last_reply == "It is here."


def test_a_later_snapshot_of_the_run_leaves_them(prod: Connection) -> None:
    take_runs(prod, RUNS[0] | {"status": "in_progress", "completed_at": None})
    take_messages(prod, *TALK[:2])
    take_runs(prod, RUNS[0] | {"status": "in_progress", "completed_at": None}, age_s=1)
    take_runs(prod, RUNS[0], age_s=2)
    assert said(prod) == {"run_1": SAID["run_1"]}


def test_texts_are_one_line_cut_and_storable() -> None:
    def parts(text: object) -> list:
        return [{"type": "image_file", "file_id": "file_1"}, {"type": "text", "text": {"text": text, "size": 1}}]

    assert excerpt_of(parts("  a\n\tb   c ")) == "a b c"
    assert excerpt_of(parts("ä" * 10_000)) == "ä" * EXCERPT_CHARS
    assert excerpt_of(parts("a\x00b")) == "a\ufffdb"
    assert [excerpt_of(one) for one in (None, {}, [None], ["a"], [{"type": "text", "text": 5}], parts(None))] == [
        ""
    ] * 6
    refusal = {"type": "refusal", "text": {"text": "I cannot say.", "size": 13}}
    assert excerpt_of([{"type": "text", "text": {"text": " \n", "size": 2}}, refusal]) == "I cannot say."


# The thread


def test_a_thread_knows_its_last_run_and_how_many_are_active(prod: Connection) -> None:
    active = run("run_2", at=62, status="in_progress")
    take_runs(prod, active)
    take_runs(prod, RUNS[0], age_s=1)
    thread, keys = of_thread(prod), dict(Run.objects.values_list("upstream_id", "pk"))
    assert (thread.last_run_id, thread.last_run_status, thread.active_runs) == (keys["run_2"], "in_progress", 1)
    assert (thread.run_count, thread.last_run_at) == (2, datetime.fromtimestamp(AT + 62, UTC))
    take_runs(prod, active, age_s=2)
    assert of_thread(prod).active_runs == 1
    take_runs(prod, RUNS[1], age_s=3)
    assert (of_thread(prod).last_run_status, of_thread(prod).active_runs) == ("completed", 0)


def test_a_run_that_moves_takes_its_part_along(prod: Connection) -> None:
    take_runs(prod, RUNS[0], run("run_2", at=62, status="in_progress"))
    take_runs(prod, run("run_2", at=62, status="in_progress", thread="thread_b"), age_s=1)
    left, came = of_thread(prod), of_thread(prod, "thread_b")
    keys = dict(Run.objects.values_list("upstream_id", "pk"))
    assert (left.last_run_id, left.last_run_status, left.active_runs) == (keys["run_1"], "completed", 0)
    assert (came.last_run_id, came.last_run_status, came.active_runs) == (keys["run_2"], "in_progress", 1)


def test_a_purge_empties_them_first(prod: Connection) -> None:
    take_runs(prod, *RUNS)
    take_messages(prod, *TALK)
    purge_excerpts(of_thread(prod))
    assert (of_thread(prod).first_question, of_thread(prod).last_reply) == ("", "")
    assert purge_some(of_thread(prod), within_s=60)


# Who else writes


def test_an_import_and_an_export_bring_them(prod: Connection) -> None:
    raws = [{"id": "thread_a", "object": "thread", "created_at": AT}, *RUNS, *TALK]
    imported(prod, raws)
    assert said(prod) == SAID
    other = taken_in(exported(connection=prod))
    assert said(other) == SAID
    assert (of_thread(other).first_question, of_thread(other).last_reply) == (
        "Where is my parcel?", "It came yesterday."
    )  # fmt: skip


def test_pages_and_the_worker_bring_them(connection: Connection, start) -> None:
    by_page = start("Where is 4711?", until="requires_action")
    by_worker = start("/long 3", until="completed")
    refresh_run(connection, thread_id=by_page["thread_id"], run_id=by_page["id"], max_age_s=0, wait_s=5)
    ensure_threads(connection, [by_worker["thread_id"]])
    Worker().run_until_idle(seconds=5)
    found = said(connection)
    assert found[by_page["id"]] == ("Where is 4711?", "")
    question, reply = found[by_worker["id"]]
    assert question == "/long 3"
    assert reply == of_thread(connection, by_worker["thread_id"]).last_reply != ""


# Rows of an earlier version


def emptied() -> None:
    Run.objects.update(question=None, reply=None)
    Thread.objects.update(
        first_question=None, last_reply=None, active_runs=None, last_run_id=None, last_run_status=None
    )


def test_what_an_earlier_version_stored_is_filled_in_portions(prod: Connection) -> None:
    imported(prod, past(60))
    before = everything(prod)
    emptied()
    assert fill_columns(within_s=0) == 0
    rounds = 0
    while Thread.objects.filter(active_runs__isnull=True).exists():
        fill_columns(within_s=0.01)
        rounds += 1
    assert rounds > 1
    assert everything(prod) == before
    assert not Run.objects.filter(question__isnull=True).exists()


@pytest.mark.long
def test_a_thread_of_many_runs_is_filled_by_several_transactions(prod: Connection) -> None:
    take_runs(prod, *(run(f"run_{number}", at=number) for number in range(230)))
    emptied()
    assert fill_columns(within_s=60) == 1
    assert of_thread(prod).run_count == 230
    assert not Run.objects.filter(question__isnull=True).exists()


def test_a_row_that_waits_to_be_filled_may_change_meanwhile(prod: Connection) -> None:
    take_runs(prod, *RUNS)
    take_messages(prod, *TALK)
    emptied()
    take_runs(prod, run("run_3", at=90, status="in_progress"), age_s=1)
    assert of_thread(prod).active_runs is None
    assert fill_columns(within_s=60) == 1
    assert said(prod) == SAID | {"run_3": ("Order 7.", "")}
    assert of_thread(prod).active_runs == 1


def test_what_is_left_to_fill_is_found_by_small_indexes(prod: Connection) -> None:
    if database.vendor != "sqlite":
        pytest.skip("PostgreSQL reads small tables whole")
    rows = Thread.objects.filter(active_runs__isnull=True).order_by("-pk").values("pk")
    assert "thread_unfilled" in rows.explain()
    runs = Run.objects.filter(thread=1, question__isnull=True).order_by("-pk").values("pk")
    assert "run_unfilled" in runs.explain()
    by_creation = Thread.objects.filter(created_at__lt=timezone.now()).order_by("-created_at", "-id").values("pk")
    assert "index_threa_created" in by_creation.explain()
