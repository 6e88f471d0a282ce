"""A run's request as curl and Python: they really work against the upstream."""

import os
import subprocess
import sys

import pytest

from tests.dashboard.writing import path_of
from tests.pages import parsed
from tests.people import HTMX

pytestmark = pytest.mark.django_db(transaction=True)


def blocks(viewer, run) -> list[str]:
    """The texts behind the copy buttons: curl and Python to start again, curl and Python to read."""
    page = parsed(viewer.get(path_of(run, "copy-as")))
    return [one["data-copy"] for one in page.one(id="copy-as").all("button", data_copy=True)]


def test_the_key_is_a_variable(viewer, upstream, done_run):
    found = blocks(viewer, done_run)
    assert len(found) == 4
    assert all("RUNSDASH_API_KEY" in text and upstream.api_key not in text for text in found)


def test_the_texts_really_run(viewer, upstream, done_run):
    env = os.environ | {"RUNSDASH_API_KEY": upstream.api_key}
    _, python_start, curl_read, python_read = blocks(viewer, done_run)
    for command in (["sh", "-c", curl_read + " -s"], [sys.executable, "-c", python_read]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20)
        assert done_run.upstream_id in done.stdout, done.stderr
    started = subprocess.run([sys.executable, "-c", python_start], env=env, capture_output=True, text=True, timeout=20)
    assert "'object': 'thread.run'" in started.stdout, started.stderr


def test_as_a_dialog(viewer, done_run):
    answer = parsed(viewer.get(path_of(done_run, "copy-as"), headers=HTMX))
    assert answer.one("dialog", data_modal=True).all(id="copy-as")


def test_anonymous_and_wrong_method(client, viewer, done_run):
    assert client.get(path_of(done_run, "copy-as")).status_code == 302
    assert viewer.post(path_of(done_run, "copy-as")).status_code == 405


def test_unknown_run(viewer, done_run):
    assert viewer.get(f"/threads/{done_run.thread.upstream_id}/runs/run_no/copy-as/").status_code == 404
