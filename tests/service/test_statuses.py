"""Every fact of every status; unknown words are neutral, polled and cancellable."""

import json
import re
from pathlib import Path

import pytest

from runsdash.service import RunStatus, StepStatus, UnknownStatus, run_status, step_status

TERMINAL = {"cancelled", "failed", "completed", "incomplete", "expired"}


def test_run_statuses_are_the_nine_of_the_protocol_in_display_order():
    assert " ".join(RunStatus) == (
        "queued in_progress requires_action cancelling cancelled failed completed incomplete expired"
    )


@pytest.mark.parametrize("status", RunStatus)
def test_a_run_status_knows_when_it_is_over(status):
    assert status.is_terminal == (status in TERMINAL)
    assert status.is_active == (status not in TERMINAL)
    assert status.can_be_cancelled == (status in {"queued", "in_progress", "requires_action"})
    assert status.is_waiting == (status == "requires_action")
    assert status.icon == f"st-{status.value}"
    assert status.is_known


def test_a_label_is_the_word_in_sentence_case_or_one_that_people_use():
    assert RunStatus.IN_PROGRESS.label == "In progress"
    assert RunStatus.REQUIRES_ACTION.label == "Needs an answer"


def test_a_colour_is_a_matter_of_the_stylesheet():
    assert not hasattr(RunStatus.FAILED, "tone")
    styles = (Path(__file__).resolve().parents[2] / "static" / "css").glob("*.css")
    style = "".join(path.read_text() for path in styles)
    assert set(re.findall(r"\[data-status=(\w+)\]", style)) <= set(RunStatus)


@pytest.mark.parametrize("status", StepStatus)
def test_a_step_status_is_never_cancelled_by_itself(status):
    assert status.is_terminal == (status != "in_progress")
    assert not status.can_be_cancelled


def test_a_status_is_the_word_of_the_api():
    assert run_status("queued") is RunStatus.QUEUED
    assert run_status("queued") == "queued"
    assert f"{run_status('queued')}" == "queued"
    assert json.dumps(run_status("failed")) == '"failed"'
    assert step_status("expired") is StepStatus.EXPIRED


@pytest.mark.parametrize("value", ["paused_by-owner", "", None, 7, ["queued"], {"is": "odd"}])
def test_unknown_words_have_the_same_attributes(value):
    for status in (run_status(value), step_status(value)):
        assert isinstance(status, UnknownStatus)
        assert status.is_active
        assert not status.is_terminal
        assert status.can_be_cancelled
        assert (status.icon, status.is_known) == ("dot", False)
        assert status.value == status


def test_an_unknown_word_is_prettified_and_kept():
    status = run_status("paused_by-owner")
    assert (status, status.label) == ("paused_by-owner", "Paused by owner")
    assert run_status(None).label == "Unknown"
    assert len(run_status("x" * 5000).label) == 60
