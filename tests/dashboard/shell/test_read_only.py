"""A read-only server: nothing shared changes, by any address; what is one's own does; forms say why they are off."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Run, SavedView
from tests.dashboard.conftest import LATER
from tests.hostile_rows import hostile_run
from tests.pages import Element, parsed
from tests.rows import made_connection

pytestmark = pytest.mark.django_db(transaction=True)
# Signing in, and one's own: profile, password, second factors, sessions, tokens, time zone, columns, saved views.
OWN = {
    "account_login", "account_logout", "account_change_password", "account_reauthenticate", "password_forgotten",
    "password_reset", "sso", "mfa_authenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn",
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn", "mfa_remove_webauthn",
    "mfa_generate_recovery_codes", "profile", "profile_theme", "profile_time_zone", "profile_sessions_end",
    "profile_tokens", "profile_token_revoke", "runs_columns", "saved_views", "saved_view", "saved_view_delete",
}  # fmt: skip
ASKING = {
    "runs",
    "threads",
    "runs_suggest",
    "threads_suggest",
}  # a filter is posted since it may be long, and kept if it is


@pytest.fixture
def waiting(settings) -> Run:
    settings.RUNSDASH_READ_ONLY = True
    run = hostile_run(made_connection("prod"), "waiting", ["words", "more", "get_stock"], waits=True)
    Run.objects.update(checked_at=LATER, steps_checked_at=LATER)
    return run


def patterns(some: list, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Name and address of every view, with signs in place of what is asked for."""
    for one in some:
        whole = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, whole)
        elif isinstance(one, URLPattern):
            yield one.name, whole


def addresses(run: Run) -> dict[str, str]:
    values = {
        "thread_id": run.thread.upstream_id, "run_id": run.upstream_id, "slug": "prod", "name": "get_stock", "key": "1",
        "job_id": "1", "step_id": "step_x", "message_id": "msg_x", "file_id": "file_x", "connection": "prod",
    }  # fmt: skip
    return {
        name: re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values.get(found[1], "1"), path)
        for name, path in patterns(get_resolver().url_patterns)
    }


def test_no_address_changes_anything_shared(admin: Client, operator: Client, waiting: Run) -> None:
    paths, before = addresses(waiting), AuditEntry.objects.count()
    del paths["account_logout"], paths["ingest"], paths["csp_report"]  # a token opens that one, browsers send the last
    answers = {name: admin.post(path, {"confirm": "x"}).status_code for name, path in paths.items()}
    takes_posts = {name: status for name, status in answers.items() if status != 405}
    assert len(takes_posts) > 25
    assert {name: status for name, status in takes_posts.items() if name not in OWN | ASKING and status != 403} == {}
    assert {status for name, status in takes_posts.items() if name in OWN | ASKING} & {403} == set()
    assert set(AuditEntry.objects.order_by("pk").values_list("kind", flat=True)[before:]) == {"refusal"}


def test_ones_own_goes_on_changing(admin: Client, waiting: Run) -> None:
    assert admin.post("/profile/theme/", {"theme": "dark"}).status_code < 400
    assert admin.post("/runs/views/", {"name": "Failing", "query": "status:failed"}).status_code == 302
    assert SavedView.objects.count() == 1


def forms_of(page: Element) -> Iterator[Element]:
    for form in page.all("form"):
        if form.get("method", "get").lower() == "post":
            yield form


def is_disabled(page: Element, form: Element) -> bool:
    """Is every control that sends it off?"""
    inside = [one for one in form.descendants() if one.tag == "button" and one.get("type", "submit") == "submit"]
    outside = [one for one in page.all("button") if form.get("id") and one.get("form") == form.get("id")]
    fieldset = any(one.get("disabled") is not None for one in form.all("fieldset"))
    return fieldset or all(one.get("disabled") is not None for one in (*inside, *outside))


def test_forms_are_off_and_say_why(admin: Client, waiting: Run) -> None:
    own = {path for name, path in addresses(waiting).items() if name in OWN | ASKING}
    wrong = {}
    for name, path in addresses(waiting).items():
        answer = admin.get(path)
        if answer.status_code != 200 or "html" not in answer["Content-Type"] or name in OWN:
            continue
        page = parsed(answer)
        for form in forms_of(page):
            if form.get("action", "").split("?")[0] in own or re.match(r"/runs/views/", form.get("action", "")):
                continue
            if not is_disabled(page, form) or "read-only" not in form.text:
                wrong.setdefault(f"{name} {form.get('action')}", form.get("id"))
    assert wrong == {}
