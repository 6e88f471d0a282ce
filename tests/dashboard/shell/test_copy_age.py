"""Whatever shows upstream state says when it could not be made fresh, also where nobody tried because of a wait."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread
from tests.pages import parsed

pytestmark = pytest.mark.django_db(transaction=True)
OF_RUN = ["run", "run_live", "run_raw", "run_zip", "metadata", "tool_outputs"]
OF_THREAD = ["thread", "thread_live"]
WITH_BANNER = {"run", "run_live", "metadata", "tool_outputs", "thread", "thread_live"}
HEADER = "X-RunsDash-Stale"


@pytest.fixture
def paths(operator, connection, start) -> dict[str, str]:
    run = start("/tool get_stock", until="requires_action")
    ids = [run["thread_id"], run["id"]]
    found = {name: reverse(name, args=ids) for name in OF_RUN} | {
        name: reverse(name, args=ids[:1]) for name in OF_THREAD
    }
    assert operator.get(found["run"]).status_code == operator.get(found["thread"]).status_code == 200
    return found


def grow_old(**more: object) -> None:
    past = timezone.now() - timedelta(minutes=2)
    for model in (Run, Thread):
        model.objects.update(checked_at=past, fetched_at=past, trouble=None)
    Connection.objects.update(**more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"paused_until": timezone.now() + timedelta(hours=1)}, "The upstream asked to wait"),
        ({"is_enabled": False}, "The connection is off"),
    ],
    ids=["paused", "off"],
)
def test_a_copy_that_nobody_may_renew_is_marked_everywhere(operator, upstream, paths, more, words):
    grow_old(**more)
    upstream.clear_requests()
    for name, path in paths.items():
        answer = operator.get(path)
        assert answer.status_code == 200, name
        if name in OF_THREAD and "is_enabled" in more:
            assert HEADER not in answer  # an archive
            continue
        assert int(answer[HEADER]) >= 120, name
        if name in WITH_BANNER:
            banner = parsed(answer.content.decode()).one(id="trouble").one("div", class_="banner")
            assert words in banner.text, name
    assert upstream.requests() == []
    assert not Run.objects.filter(trouble__isnull=False).exists()


def test_a_wait_that_one_run_was_told_marks_the_others(operator, upstream, paths, start):
    other = start("/tool get_stock", until="requires_action")
    upstream.fault(f"GET /runs/{other['id']}", "429", times=None, retry_after_s=300)
    operator.get(reverse("run", args=[other["thread_id"], other["id"]]))
    Connection.objects.filter(paused_until=None).update(paused_until=timezone.now() + timedelta(seconds=300))
    Run.objects.filter(trouble__isnull=True).update(checked_at=timezone.now() - timedelta(seconds=9))
    answer = operator.get(paths["run"])
    assert HEADER in answer
    page = parsed(answer)
    assert "asked to wait" in page.one(id="trouble").text
    assert "asked to wait" in page.one(id="sync-pill").text


def test_what_is_fresh_or_settled_is_not_marked(operator, upstream, paths, start):
    assert all(HEADER not in operator.get(path) for path in paths.values())
    run = start("hello", until="completed")
    settled = reverse("run", args=[run["thread_id"], run["id"]])
    operator.get(settled)
    Run.objects.update(has_all_steps=True)
    grow_old(paused_until=timezone.now() + timedelta(hours=1))
    assert HEADER not in operator.get(settled)
