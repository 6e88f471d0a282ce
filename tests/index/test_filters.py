"""The filter language: text to clauses and back, errors that name the clause, querysets that an index answers."""

import pytest
from django.utils import timezone

from runsdash.index.filters import FilterError, RunFilter, moment_of, parsed
from runsdash.index.models import Run
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


def found(text: str) -> set[str]:
    return {run.upstream_id for one in parsed(text).querysets() for run in one}


@pytest.mark.parametrize(
    "text", ["", "status:failed", "status:failed status:expired model:gpt-4o", 'model:"two words" since:7d']
)
def test_text_comes_back_as_it_was(text: str) -> None:
    assert str(parsed(text)) == text


@pytest.mark.parametrize(
    ("text", "clause", "word"),
    [
        ("status:failed colour:red", "colour:red", "colour:"),
        ("status:done", "status:done", "done"),
        ("failed", "failed", "failed"),
        ("model:", "model:", "model:"),
        ("since:yesterday", "since:yesterday", "yesterday"),
        ("until:2026-13-45", "until:2026-13-45", "2026-13-45"),
    ],
)
def test_an_error_names_the_clause(text: str, clause: str, word: str) -> None:
    with pytest.raises(FilterError) as caught:
        parsed(text)
    assert caught.value.clause == clause
    assert word in str(caught.value)


def test_too_many_combinations_are_refused() -> None:
    text = " ".join([f"model:m{number}" for number in range(7)] + [f"assistant:a{number}" for number in range(7)])
    with pytest.raises(FilterError, match="49 combinations"):
        parsed(text)


def test_a_repeated_name_means_or_and_others_and() -> None:
    prod = made_connection()
    failed = made_run(prod, status="failed", model="a").upstream_id
    expired = made_run(prod, status="expired", model="a").upstream_id
    made_run(prod, status="failed", model="b")
    assert found("status:failed status:expired model:a") == {failed, expired}


def test_every_clause_finds_its_run() -> None:
    prod = made_connection()
    run = made_run(prod, status="failed", model="odd model", assistant_id="asst_odd", age_s=3600)
    made_run(prod, age_s=10)
    for text in (
        f"thread:{run.thread.upstream_id}", "assistant:asst_odd", 'model:"odd model"', "error:server_error", "until:30m",
    ):  # fmt: skip
        assert found(text) == {run.upstream_id}, text
    assert run.upstream_id not in found("since:30m")


def test_a_connection_narrows() -> None:
    here, there = made_connection("here"), made_connection("there")
    run = made_run(here)
    made_run(there)
    assert list(RunFilter().querysets(connection=here)[0]) == [run]


def test_a_day_is_read_in_the_readers_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        assert moment_of("2026-11-23").isoformat() == "2026-11-23T00:00:00+09:00"


@pytest.mark.parametrize(
    "text",
    ["status:failed", "model:a", "assistant:a", "status:failed model:a", "thread:thread_1", "error:server_error"],
)
def test_no_filter_walks_the_whole_table(text: str) -> None:
    made_run(made_connection())
    for one in parsed(text).querysets():
        plan = one.order_by("-pk").values("pk")[:51].explain()
        assert "SCAN index_run" not in plan or "USING" in plan, plan
    assert Run.objects.exists()
