"""Answering as from a queue: the place of a run, what comes next, who else is at it, and what somebody else sent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.actions.models import Claim
from runsdash.actions.outputs.claims import claim
from runsdash.dashboard.inbox.queue import queue_of
from runsdash.index.models import Connection, Run, ThreadMetadata
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import Element, page_of, parsed, partials_of
from tests.people import HTMX, signed_in
from tests.rows import made_connection, made_run, waiting_for

pytestmark = pytest.mark.django_db(transaction=True)
INBOX = "/needs-action/"


@pytest.fixture
def prod(db: None):
    """An upstream that is off, so that nothing is asked."""
    return made_connection(is_enabled=False)


@pytest.fixture
def three(prod) -> list[Run]:
    """Three runs that wait, soonest expiry first."""
    return [made_run(prod, status="requires_action", age_s=age) for age in (400, 300, 200)]


def page_path(run: Run) -> str:
    return path_of(run, "tool-outputs").removesuffix("tool-outputs/")


def claim_path(run: Run) -> str:
    return path_of(run, "tool-outputs") + "claim/"


def run_page(client, run: Run) -> Element:
    return page_of(client.get(page_path(run)))


def answered(run: Run) -> dict[str, str]:
    return {f"output-{call['id']}": "7" for call in run.pending_calls}


# The queue


def test_a_run_says_its_place_and_skip_goes_on_and_round(operator, three) -> None:
    for at, run in enumerate(three):
        bar = run_page(operator, run).one("nav", class_="queuebar")
        assert f"{at + 1} of 3" in bar.text
        assert bar.one("a", id="skip")["href"] == f"{page_path(three[(at + 1) % 3])}?answer=1"


def test_the_only_one_has_nothing_to_skip_to(operator, prod) -> None:
    bar = run_page(operator, made_run(prod, status="requires_action")).one("nav", class_="queuebar")
    assert "1 of 1" in bar.text
    assert not bar.all("a", id="skip")


def test_what_somebody_else_is_answering_comes_last(operator, three) -> None:
    claim(user=signed_in("admin").user, run=three[1])
    assert queue_of(three[0], reader=operator.user).following.pk == three[2].pk
    claim(user=signed_in("admin").user, run=three[2])
    assert queue_of(three[0], reader=operator.user).following.pk == three[1].pk


def test_runs_without_a_deadline_come_last(operator, prod) -> None:
    unknown = made_run(prod, status="requires_action", expires_at=None)
    soon = made_run(prod, status="requires_action", age_s=300)
    assert queue_of(unknown, reader=operator.user).place == 2
    assert queue_of(soon, reader=operator.user).following.pk == unknown.pk


@pytest.mark.parametrize("kind", ["plain", "htmx"])
def test_send_and_open_next_leads_there(kind, operator, upstream, connection, start, waiting) -> None:
    other = made_run(made_connection(is_enabled=False), status="requires_action")
    path = path_of(waiting, "tool-outputs")
    posted = fields(form_in(operator.get(path), "tool-outputs")) | answered(waiting) | {"do": "next"}
    answer = htmx(operator, path, posted) if kind == "htmx" else operator.post(path, posted)
    wanted = f"{page_path(other)}?answer=1"
    assert (answer["HX-Redirect"] if kind == "htmx" else answer["Location"]) == wanted
    assert "1 answer sent." in page_of(operator.get(wanted)).one("div", id="toasts").text
    assert len(writes(upstream)) == 1


def test_after_the_last_one_the_inbox_says_so(operator, waiting) -> None:
    answer = operator.post(path_of(waiting, "tool-outputs"), answered(waiting) | {"do": "next", "token": "t"})
    assert answer["Location"] == INBOX
    assert "No other run needs an answer" in page_of(operator.get(INBOX)).one("div", id="toasts").text


def test_send_and_open_next_with_an_empty_box_sends_nothing(operator, upstream, waiting) -> None:
    (box,) = answered(waiting)
    answer = operator.post(path_of(waiting, "tool-outputs"), {box: "", "do": "next", "token": "t"})
    assert answer.status_code == 422
    assert not writes(upstream)


# Whose it is


def test_customer_and_last_messages_stand_beside_the_form(operator, upstream, waiting) -> None:
    thread = waiting.thread
    thread.metadata = {"customer": "C-22", "<b>": "x"}
    thread.save(update_fields=["metadata"])
    page = page_of(operator.get(page_path(waiting)))
    about = page.one("dl", class_="about")
    assert "C-22" in about.text
    assert not about.all("b")
    question = page.one("ol", class_="mini-msgs").one("li", class_="now")
    assert "/tool" in question.text
    assert "The question" in question.text


def test_a_viewer_reads_the_calls_with_their_arguments_and_has_no_boxes(viewer, prod) -> None:
    asked = waiting_for("get_stock")
    asked["submit_tool_outputs"]["tool_calls"][0]["function"]["arguments"] = '{"sku": "A-7"}'
    tools = [{"type": "function", "function": {"name": "get_stock", "description": "What is <b>left</b>"}}]
    page = run_page(viewer, made_run(prod, status="requires_action", required_action=asked, tools=tools))
    calls = page.one("section", id="pending-calls")
    assert "A-7" in calls.text
    assert calls.one("p", title="What is <b>left</b>").text == "What is <b>left</b>"
    assert not calls.all("textarea")
    assert not calls.all("button", type="submit")
    assert "Viewers read" in calls.text


def test_the_inbox_shows_the_question(operator, three) -> None:
    Run.objects.filter(pk=three[0].pk).update(question="Where is <b>NW-7</b>?")
    row = page_of(operator.get(INBOX)).one("tr", data_run_id=three[0].upstream_id)
    assert row.one("a", class_="q").text == "Where is <b>NW-7</b>?"
    assert not page_of(operator.get(INBOX)).one("tr", data_run_id=three[1].upstream_id).all("a", class_="q")


def test_the_inbox_names_the_customer_by_the_key_that_an_admin_chose(operator, prod, three) -> None:
    ThreadMetadata.objects.create(thread=three[0].thread, key="customer", value="C-22")
    assert not page_of(operator.get(INBOX)).all("td", data_customer=True)
    Connection.objects.filter(pk=prod.pk).update(customer_key="customer")
    (named,) = page_of(operator.get(INBOX)).all("td", data_customer=True)
    assert named.text == "C-22"


# Claims


def test_a_claim_is_seen_by_others_in_the_inbox_and_in_the_form(operator, admin, three) -> None:
    assert operator.post(claim_path(three[0])).status_code == 204
    row = page_of(admin.get(INBOX)).one("tr", data_run_id=three[0].upstream_id)
    assert "operator is answering" in row.text
    assert "You are answering" in page_of(operator.get(INBOX)).one("tr", data_run_id=three[0].upstream_id).text
    assert "operator is answering" in run_page(admin, three[0]).one("div", id="claims").text
    assert not run_page(operator, three[0]).one("div", id="claims").all("p")
    assert run_page(admin, three[0]).one("form", id="tool-outputs").all("button", value="next")


def test_it_ends_by_leaving_and_lapses_without_a_key(operator, admin, three) -> None:
    operator.post(claim_path(three[0]))
    operator.post(claim_path(three[0]), {"leave": "1"})
    assert not Claim.objects.exists()
    operator.post(claim_path(three[0]))
    Claim.objects.update(seen_at=timezone.now() - timedelta(seconds=121))
    assert "is answering" not in page_of(admin.get(INBOX)).text
    operator.post(claim_path(three[0]))
    assert Claim.objects.get().since > timezone.now() - timedelta(seconds=60)


def test_keys_write_at_most_every_ten_seconds(operator, three) -> None:
    operator.post(claim_path(three[0]))
    before = Claim.objects.get()
    for _ in range(3):
        operator.post(claim_path(three[0]))
    assert Claim.objects.get().seen_at == before.seen_at
    Claim.objects.update(seen_at=timezone.now() - timedelta(seconds=11))
    operator.post(claim_path(three[0]))
    after = Claim.objects.get()
    assert after.seen_at > before.seen_at
    assert after.since == before.since


def test_typing_claims_and_sending_ends_it(operator, upstream, waiting) -> None:
    htmx(operator, path_of(waiting, "tool-outputs") + "draft/", {next(iter(answered(waiting))): "half"})
    assert Claim.objects.get().user == operator.user
    operator.post(path_of(waiting, "tool-outputs"), answered(waiting) | {"token": "t"})
    assert not Claim.objects.exists()


def test_a_claim_makes_polls_of_the_run_and_the_inbox_answer(operator, admin, three) -> None:
    polls = [page_of(admin.get(path)).one("div", id="poll") for path in (page_path(three[0]), INBOX)]
    for poll in polls:
        assert admin.get(poll["hx-get"], headers=HTMX | {"HX-PTag": poll["hx-ptag"]}).status_code == 304
    operator.post(claim_path(three[0]))
    run_news, inbox_news = (
        partials_of(admin.get(poll["hx-get"], headers=HTMX | {"HX-PTag": poll["hx-ptag"]})) for poll in polls
    )
    assert "operator is answering" in run_news["#claims"].text
    assert "operator is answering" in inbox_news["#inbox"].text


def test_who_may_claim(client, nobody, viewer, operator, three) -> None:
    assert client.post(claim_path(three[0])).status_code == 302
    assert nobody.post(claim_path(three[0])).status_code == 403
    assert viewer.post(claim_path(three[0])).status_code == 403
    assert operator.get(claim_path(three[0])).status_code == 405
    assert not Claim.objects.exists()


def test_drafts_are_marked_in_the_inbox(operator, admin, three) -> None:
    htmx(operator, path_of(three[0], "tool-outputs") + "draft/", {next(iter(answered(three[0]))): "half"})
    Claim.objects.all().delete()
    assert "Your draft" in page_of(operator.get(INBOX)).one("tr", data_run_id=three[0].upstream_id).text
    assert "operator’s draft" in page_of(admin.get(INBOX)).one("tr", data_run_id=three[0].upstream_id).text
    assert "Nobody yet" in page_of(admin.get(INBOX)).one("tr", data_run_id=three[1].upstream_id).text


# Somebody else answered


def test_whoever_has_the_form_open_sees_who_sent_what_and_the_next_one(operator, admin, upstream, waiting) -> None:
    other = made_run(made_connection(is_enabled=False), status="requires_action")
    poll = run_page(admin, waiting).one("div", id="poll")
    operator.post(path_of(waiting, "tool-outputs"), dict.fromkeys(answered(waiting), '{"left": 3}') | {"token": "t"})
    partials = partials_of(admin.get(poll["hx-get"], headers=HTMX | {"HX-PTag": poll["hx-ptag"]}))
    panel = partials["#run-answered"]
    assert "operator answered these calls" in panel.text
    assert '{"left": 3}' in panel.one("details").text
    assert panel.one("a", id="open-next")["href"] == f"{page_path(other)}?answer=1"
    assert parsed(admin.get(INBOX)).one("tr", data_run_id=other.upstream_id)


# One connection's inbox


@pytest.fixture
def two_servers(prod, three) -> tuple[Run, Run, Run]:
    """Two runs of one server, and between them in time one of another."""
    other = made_connection("other", is_enabled=False)
    return three[0], made_run(other, status="requires_action", age_s=350), three[1]


def test_an_inbox_of_one_connection_goes_on_within_it(operator, two_servers) -> None:
    first, other, second = two_servers
    inbox = page_of(operator.get(f"{INBOX}?connection=prod"))
    row = inbox.one("tr", data_run_id=first.upstream_id)
    opened = row.one("a", data_answer=True)["href"]
    assert opened == f"{page_path(first)}?answer=1&queue=prod"
    page = page_of(operator.get(opened))
    bar = page.one("nav", class_="queuebar")
    assert "1 of 3" in bar.text  # the third of `three` too
    assert bar.one("a", id="skip")["href"] == f"{page_path(second)}?answer=1&queue=prod"
    assert bar.all("a")[0]["href"] == f"{INBOX}?connection=prod"
    assert page.one("form", id="tool-outputs").one("input", name="queue")["value"] == "prod"
    assert "queue=prod" in page.one(id="poll")["hx-get"]
    every = page_of(operator.get(f"{page_path(first)}?answer=1")).one("nav", class_="queuebar")
    assert "1 of 4" in every.text
    assert every.one("a", id="skip")["href"] == f"{page_path(other)}?answer=1"


def test_after_an_answer_the_next_is_of_the_same_connection(operator, connection, start) -> None:
    other = made_connection("other", is_enabled=False)
    made_run(other, status="requires_action", age_s=500)
    run = start("/tool get_stock", until="requires_action")
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/"
    form = fields(
        page_of(operator.get(f"{path}?answer=1&queue=sandbox&connection=sandbox")).one("form", id="tool-outputs")
    )
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    answer = operator.post(f"{path}tool-outputs/", form | {f"output-{call['id']}": "7", "do": "next"})
    assert (answer.status_code, answer["Location"]) == (302, f"{INBOX}?connection=sandbox")
