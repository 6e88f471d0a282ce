"""Hostile texts in every field: each page keeps its own elements and gets none of theirs. Chromium's turn is in tests/browser."""

import re
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection, Run
from tests.hostile import HOSTILE, every_tenth
from tests.hostile_rows import CALLS, hostile_run, id_of
from tests.pages import Element, parsed
from tests.people import HTMX

FOREIGN = {
    "applet", "audio", "base", "embed", "font", "foreignobject", "frame", "frameset", "iframe", "marquee", "math",
    "object", "picture", "portal", "source", "style", "track", "video",
}  # fmt: skip
ADDRESSES = ("href", "src", "action", "hx-get", "hx-post", "formaction", "data", "poster", "background", "srcdoc")
# Where our own markup points to; only links may lead elsewhere.
SCHEMES = {"a": {"", "http", "https", "mailto"}}
PART = re.compile("title|#(?!main$)[a-z]+(-[a-z]+)*")  # what our partials are for
TEXTS = [text for _, text in HOSTILE]


def refuse_foreign(page: Element) -> None:
    """Fails on anything that runs, loads or leads away and is not ours."""
    for one in page.descendants():
        where = f"<{one.tag} {one.attributes}>"
        assert one.tag not in FOREIGN, where
        assert not [name for name in one.attributes if name.startswith(("on", "hx-on", "data-hx"))], where
        assert "style" not in one.attributes, where
        assert "hx-swap-oob" not in one.attributes, where
        for name in ADDRESSES:
            if name in one.attributes:
                refuse_address(one, name)
        if one.tag == "script":
            assert one["src"].startswith("/static/"), where
            assert not one.text, where
        if one.tag == "meta" and "http-equiv" in one.attributes:
            assert (one.parent.tag, one["content"].isdigit()) == ("noscript", True), where


def refuse_address(one: Element, name: str) -> None:
    address = urlsplit(one[name])
    assert address.scheme in SCHEMES.get(one.tag, {""}), f"<{one.tag} {name}={one[name][:100]}>"
    if one.tag != "a":
        assert not address.netloc, f"<{one.tag} {name}={one[name][:100]}>"
    if one.tag == "img":
        assert address.path.startswith("/files/"), one[name][:100]
    if address.netloc:
        assert "nofollow" in (one.get("rel") or ""), f"{one.attributes}"


def checked(client: Client, path: str, *, statuses: tuple[int, ...] = (200,), **posted: str) -> Element:
    """The page at `path`, whole and free of what is not ours."""
    answer = client.post(path, posted) if posted else client.get(path)
    assert answer.status_code in statuses, f"{path}: {answer.status_code}"
    page = parsed(answer.content.decode())
    refuse_foreign(page)
    for tag, wanted in (("main", {}), ("header", {"class_": "topbar"}), ("footer", {"class_": "foot"}), ("h1", {})):
        assert len(page.all(tag, **wanted)) == 1, f"{path}: {len(page.all(tag, **wanted))} {tag}"
    assert len(page.all("hx-partial")) == 0
    assert page.one("head").one("title").text.endswith("RunsDash")
    return page


def checked_fragment(client: Client, path: str, *, status: int = 200) -> None:
    answer = client.get(path, headers=HTMX)
    assert answer.status_code == status, f"{path}: {answer.status_code}"
    page = parsed(answer.content.decode())
    refuse_foreign(page)
    for one in page.all("hx-partial"):
        assert PART.fullmatch(one["hx-target"]), one["hx-target"]


@pytest.fixture
def archive(db: None) -> Connection:
    """A server that is off: its objects are only read."""
    return Connection.objects.create(
        slug="archive", name=HOSTILE[0][1], base_url="http://127.0.0.1:9/v1", kind="sandbox", is_enabled=False
    )


def path_of(run: Run, more: str = "") -> str:
    return f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/{more}"


@pytest.mark.parametrize("text", every_tenth(dict(HOSTILE)))
def test_a_run_with_the_text_in_every_field(archive: Connection, operator: Client, text: str):
    run = hostile_run(archive, "one", [text])
    for tab in ("", "?tab=conversation", "?tab=raw", "?tab=audit"):
        checked(operator, path_of(run, tab))
    for number in range(len(CALLS) + 2):
        step = f"?step={id_of('step', f'onex{number}')}"
        page = checked(operator, path_of(run, step))
        assert page.one("article", id="step-panel").get("data-step-id")
    checked_fragment(operator, path_of(run, step))
    checked_fragment(operator, path_of(run, "live/"))
    for name in ("cancel/", "metadata/"):
        checked(operator, path_of(run, name))
    checked(operator, f"/threads/{run.thread.upstream_id}/")
    checked_fragment(operator, f"/threads/{run.thread.upstream_id}/live/")
    raw = operator.get(path_of(run, "raw.json"))
    assert raw["Content-Type"].startswith("application/json")
    assert raw["X-Content-Type-Options"] == "nosniff"


@pytest.mark.long
def test_lists_of_runs_threads_and_actions_with_all_the_texts(archive: Connection, admin: Client):
    for number, text in enumerate(TEXTS):
        hostile_run(archive, str(number), [text], waits=number % 8 == 0)
    for path in (
        "/",
        "/?range=30d",
        "/runs/?limit=100",
        "/threads/",
        "/audit/",
        "/connections/",
        "/connections/archive/",
    ):
        checked(admin, path)
    page = checked(admin, "/runs/?limit=100")
    assert len(page.all("tr", data_run_id=True)) == len(TEXTS)
    for path in ("/live/", "/runs/live/"):
        assert admin.get(path, headers=HTMX).status_code == 200
    for entry in AuditEntry.objects.filter(kind="intent"):
        checked(admin, f"/audit/{entry.pk}/")


@pytest.mark.parametrize("text", every_tenth(dict(HOSTILE)))
def test_a_waiting_run_and_the_forms_that_repeat_what_was_typed(archive: Connection, operator: Client, text: str):
    run = hostile_run(archive, "one", [text], waits=True)
    checked(operator, path_of(run))
    checked(operator, path_of(run, "tool-outputs/"))
    Connection.objects.update(is_enabled=True)  # each post below is refused before anybody is asked
    typed = text.replace("\x00", "").encode("utf-8", "replace").decode()
    outputs = {"output-call_p": typed, "output-call_q": "", "reason": typed}
    checked(operator, path_of(run, "tool-outputs/"), statuses=(422,), **outputs)
    pairs = {"metadata-0-key": "k" * 99, "metadata-0-value": typed, "metadata-1-key": typed, "reason": typed}
    checked(operator, path_of(run, "metadata/"), statuses=(422,), **pairs)
    fields = dict.fromkeys(
        ("assistant_id_typed", "model", "instructions", "temperature", "tools", "tool_choice"), typed
    )
    new_run = fields | {
        "thread-message_text": typed,
        "thread-messages": typed,
        "reason": typed,
        "connection": "archive",
    }
    checked(operator, "/runs/new/", statuses=(422,), **new_run)
    checked(operator, "/threads/add/", statuses=(422,), ids=re.sub(r"[^\W\d]\w+", "no", typed))


@pytest.mark.parametrize("text", every_tenth(dict(HOSTILE)))
def test_the_text_in_an_address(archive: Connection, operator: Client, text: str):
    text = text.encode("utf-8", "replace").decode()[:4000]
    for path, name in (
        ("/runs/", "q"),
        ("/runs/", "cursor"),
        ("/threads/", "sort"),
        ("/audit/", "actor"),
        ("/", "range"),
    ):
        answer = operator.get(f"{path}?{urlencode({name: text})}", follow=True)
        page = parsed(answer.content.decode())
        assert answer.status_code in (200, 400), path
        refuse_foreign(page)
        assert len(page.all("main")) == 1
    checked(operator, f"/go/?{urlencode({'id': text})}", statuses=(200, 404))
    checked(operator, f"/runs/?{urlencode({'connection': text})}", statuses=(404,))
