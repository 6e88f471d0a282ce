"""Text in any script, typed into every form: refused it is shown again to the letter, and nothing breaks."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.db import reset_queries, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runsdash.index.models import Run
from tests.dashboard.conftest import LATER
from tests.dashboard.shell.test_read_only import addresses, forms_of
from tests.dashboard.writing import fields
from tests.hostile_rows import hostile_run
from tests.pages import Element, parsed
from tests.people import HTMX
from tests.queries import at_most
from tests.rows import made_connection

pytestmark = pytest.mark.django_db
PIECES = [
    "مرحبا", "שלום", "中文 日本語 한국어", "👩\u200d👩\u200d👧", "Z\u0351\u036f\u0343", "e\u0301", "\u202egpj.exe\u202c",
    "\u2066x\u2069", "W" * 3000, "two\r\nlines", "NUL \x00", "half \ud83d", "<b>&amp;'\"", "{{ 7|add:7 }}", "\u2028", " ", "\t", "\x0c", "\x85 \x91", "\x1c",
    "1", "-1", "1e400", "NaN", "[", '{"a": 1}', '{"type": "object"}', "https://example.com/x", "2026-11-29", "a@b.example",
]  # fmt: skip
TYPED = st.lists(st.sampled_from(PIECES) | st.text(max_size=20), min_size=1, max_size=5).map("".join)
STATEMENTS = 90
ONE_LINE = re.compile(r"[\r\n]+")
FORM = "application/x-www-form-urlencoded"
FREE = ("text", "search", "url", "email", "tel", "")
ACCEPTED = (200, 204, 302, 303)


def same(text: str) -> str:
    """What a page can show: bytes that are no text are replaced, HTML has no NUL, and one kind of line end. Blanks around a filter are none of it."""
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text.replace("\x00", "\ufffd").replace("\r\n", "\n").replace("\r", "\n").strip()


def free_fields(page: Element, form: Element) -> Iterator[tuple[str, bool]]:
    """Names of fields that take any text, and whether they take lines."""
    for one in [*form.all("input", name=True), *page.all("input", form=form.get("id") or "-")]:
        if one.get("type", "") in FREE and one.get("readonly") is None:
            yield one["name"], False
    for one in form.all("textarea", name=True):
        yield one["name"], True


def shown_values(page: Element) -> set[str]:
    """Of all fields, whatever their names: rows of pairs are numbered anew."""
    inputs = {same(one.get("value", "")) for one in page.all("input", name=True)}
    return inputs | {same("".join(one.texts()).removeprefix("\n")) for one in page.all("textarea", name=True)}


@pytest.fixture
def every_form(admin: Client) -> list[tuple[str, dict[str, str], list[tuple[str, bool]]]]:
    """Address, what a browser would send, and the free fields, of every form of every page."""
    run = hostile_run(made_connection("prod"), "waiting", ["words", "more", "get_stock"], waits=True)
    Run.objects.update(checked_at=LATER, steps_checked_at=LATER)
    found = {}
    for name, path in addresses(run).items():
        if name == "run_stream":  # it has no form, and holds a viewer's place until it is closed
            continue
        answer = admin.get(path)
        if answer.status_code == 200 and "html" in answer["Content-Type"]:
            page = parsed(answer)
            for form in forms_of(page):
                free = list(free_fields(page, form))
                if free:
                    found[form.get("action") or path, tuple(free)] = fields(form)
    assert len(found) > 12
    return [(path, posted, list(free)) for (path, free), posted in found.items()]


def post_all(admin: Client, forms: list, texts: list[str], picks: list[bool]) -> dict[str, object]:
    wrong: dict[str, object] = {}
    for number, (path, posted, free) in enumerate(forms):
        typed = {
            name: texts[(number + at) % len(texts)]
            if takes_lines
            else ONE_LINE.sub(" ", texts[(number + at) % len(texts)])
            for at, (name, takes_lines) in enumerate(free)
            if picks[(number + at) % len(picks)]
        }
        reset_queries()
        with transaction.atomic(), at_most(STATEMENTS):
            body = urlencode(posted | typed, errors="surrogatepass")
            answer = admin.post(path, body, FORM, headers=HTMX if number % 2 else {})
            transaction.set_rollback(True)
        if answer.status_code in ACCEPTED:
            continue
        if answer.status_code not in {400, 409, 422, 502, 504}:
            wrong[path] = answer.status_code
            continue
        lost = {same(text) for text in typed.values() if text.strip()} - shown_values(parsed(answer))
        if lost:
            wrong[path] = answer.status_code, lost
    return wrong


PICKS = st.lists(st.sampled_from([True, True, False]), min_size=1, max_size=7)


def test_no_form_loses_a_text(admin, every_form):
    too_long = "W" * 20_000
    texts = [piece + too_long if at % 2 else piece for at, piece in enumerate(PIECES)]  # so that most are refused
    wrong = post_all(admin, every_form, texts, [True])
    assert not wrong, wrong


@pytest.mark.long
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(TYPED, min_size=1, max_size=4), picks=PICKS)
def test_no_form_loses_any_text(admin, every_form, texts, picks):
    wrong = post_all(admin, every_form, texts, picks)
    assert not wrong, wrong
