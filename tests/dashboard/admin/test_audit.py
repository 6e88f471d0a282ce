"""The audit trail."""

import pytest
from django.test import Client

from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import record_intent, record_outcome, record_refusal
from tests.pages import Element, page_of

pytestmark = pytest.mark.django_db
URL = "/audit/"
Result = AuditEntry.Result
SENT = {
    "method": "POST",
    "url": "https://up.example/v1/threads/thread_1/runs/run_1",
    "body": {"metadata": {"a": "<b>"}},
}


def intent(**columns: object) -> AuditEntry:
    given = {"action": "modify_run", "actor": "otto", "run_id": "run_1", "thread_id": "thread_1", "sent": SENT}
    return record_intent(**given | {"before": {"metadata": {"a": "1", "b": "2"}}} | columns)


def done(entry: AuditEntry, **columns: object) -> AuditEntry:
    given = {"result": Result.DONE, "upstream_status": 200, "request_id": "req_1", "after": {"metadata": {"a": "<b>"}}}
    return record_outcome(entry, **given | columns)


def keys(page: Element) -> list[int]:
    return [int(row["data-audit-id"]) for row in page.all("tr", data_audit_id=True)]


def test_an_intent_and_its_outcome_are_one_line(viewer: Client) -> None:
    entry = intent(reason="because <i>")
    done(entry)
    row = page_of(viewer.get(URL)).one("tr", data_audit_id=entry.pk)
    assert row["data-result"] == "done"
    assert "because <i>" in row.text
    assert [one.text for one in row.all("del")] == ["1", "2"]
    assert [one.text for one in row.all("ins")] == ["<b>"]
    assert row.one("a", href="/threads/thread_1/runs/run_1/")
    assert row.one("button", data_copy="req_1")


def test_each_result_has_its_tone(viewer: Client) -> None:
    tones = {}
    for result in [one for one in Result if one]:
        entry = intent()
        done(entry, result=result)
        row = page_of(viewer.get(URL)).one("tr", data_audit_id=entry.pk)
        tones[result.value] = row.one("span", class_="status")["data-tone"]
    assert tones == {
        "done": "good", "refused": "bad", "failed": "bad", "unclear": "warn", "unchanged": "warn",
        "settled_done": "good", "settled_not_done": "bad", "settled_open": "warn",
    }  # fmt: skip


def test_what_was_never_answered_is_unclear_and_what_was_settled_says_so(viewer: Client) -> None:
    lost, settled = intent(), intent()
    done(settled, result=Result.UNCLEAR, upstream_status=None)
    done(settled, result=Result.SETTLED_DONE, upstream_message="The run is cancelled.")
    page = page_of(viewer.get(URL))
    assert page.one("tr", data_audit_id=lost.pk)["data-result"] == "unclear"
    assert page.one("tr", data_audit_id=settled.pk)["data-result"] == "settled_done"
    entry = page_of(viewer.get(f"{URL}{settled.pk}/"))
    assert len(entry.one("section", aria_labelledby="h-outcomes").one("tbody").all("tr")) == 2


def test_what_the_outcome_does_not_tell_is_not_shown_as_changed(viewer: Client) -> None:
    refused, settled = intent(), intent()
    done(refused, result=Result.REFUSED, after=None)
    done(settled, result=Result.SETTLED_DONE, after={"status": "completed"})
    page = page_of(viewer.get(URL))
    for entry, words in ((refused, ""), (settled, "completed")):
        row = page.one("tr", data_audit_id=entry.pk)
        assert not row.all("del")
        assert "".join(one.text for one in row.all("ins")) == words


def test_refusals_are_entries(viewer: Client) -> None:
    entry = record_refusal(message="This needs the role operator.", action="cancel_run", actor="vera", run_id="run_1")
    assert page_of(viewer.get(URL)).one("tr", data_audit_id=entry.pk)["data-result"] == "refused"
    assert "Nothing was sent" in page_of(viewer.get(f"{URL}{entry.pk}/")).one("dl", class_="kv").text


@pytest.mark.parametrize(
    "query", [{"run": "run_2"}, {"thread": "thread_2"}, {"actor": "ada"}, {"action": "cancel_run"}]
)
def test_each_filter_narrows_and_stays_typed(viewer: Client, query: dict) -> None:
    intent()
    wanted = intent(action="cancel_run", actor="ada", run_id="run_2", thread_id="thread_2")
    page = page_of(viewer.get(URL, query))
    assert keys(page) == [wanted.pk]
    [(name, value)] = query.items()
    fields = [one.get("value") for one in page.all("input", name=name)]
    fields += [one["value"] for one in page.all("option", selected=True)]
    assert fields == [value]
    assert page_of(viewer.get(URL, {name: "nothing"})).one("div", class_="empty")


def test_a_creation_is_found_by_the_run_it_made(viewer: Client) -> None:
    entry = intent(action="create_run", run_id="", before=None)
    done(entry, run_id="run_made")
    assert keys(page_of(viewer.get(URL, {"run": "run_made"}))) == [entry.pk]


def test_pages_both_ways(viewer: Client, django_assert_max_num_queries) -> None:
    entries = [intent() for _ in range(120)]
    for entry in entries:
        done(entry)
    first = page_of(viewer.get(URL))
    assert keys(first) == [entry.pk for entry in reversed(entries)][:50]
    with django_assert_max_num_queries(7):
        second = page_of(viewer.get(URL + first.one("a", rel="next")["href"]))
    assert keys(second) == [entry.pk for entry in reversed(entries)][50:100]
    assert keys(page_of(viewer.get(URL + second.one("a", rel="prev")["href"]))) == keys(first)
    assert viewer.get(URL, {"cursor": "x"}).status_code == 302


def test_one_entry_shows_what_was_sent(viewer: Client) -> None:
    entry = intent()
    done(entry)
    page = page_of(viewer.get(f"{URL}{entry.pk}/"))
    assert '"a": "<b>"' in page.one("pre").text
    assert SENT["url"] in page.one("div", id="audit-entry").text
    assert page_of(viewer.get(f"{URL}{entry.pk + 99}/"), status=404)


def test_who_may_look(client: Client, nobody: Client, viewer: Client) -> None:
    assert client.get(URL).status_code == 302
    assert nobody.get(URL).status_code == 403
    assert viewer.post(URL).status_code == 405
    assert client.get(f"{URL}1/").status_code == 302
