"""Changing a run's metadata through its form."""

import pytest

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Run
from tests.dashboard.writing import fields, form_in, htmx, path_of, writes
from tests.pages import parsed
from tests.people import HTMX

pytestmark = pytest.mark.django_db(transaction=True)


def typed(**pairs: str) -> dict[str, str]:
    posted = {}
    for number, (key, value) in enumerate(pairs.items()):
        posted |= {f"metadata-{number}-key": key, f"metadata-{number}-value": value}
    return posted


def test_add_change_and_remove_pairs(operator, upstream, done_run):
    path = path_of(done_run, "metadata")
    operator.post(path, typed(ticket="1", team="claims", gone="soon"))
    form = form_in(operator.get(path), "metadata-form")
    posted = fields(form)
    assert [posted[f"metadata-{number}-key"] for number in range(4)] == ["gone", "team", "ticket", ""]
    posted["metadata-2-value"] = "2"
    posted["metadata-0-key"] = posted["metadata-0-value"] = ""
    posted |= {"metadata-3-key": "new", "metadata-3-value": "yes"}

    response = operator.post(path, posted)

    assert response.status_code == 302
    assert writes(upstream)[-1]["body"] == {"metadata": {"ticket": "2", "team": "claims", "new": "yes"}}
    assert Run.objects.get().metadata == {"ticket": "2", "team": "claims", "new": "yes"}


def test_the_record_shows_what_was_sent_in_its_order(operator, upstream, done_run):
    operator.post(path_of(done_run, "metadata"), typed(zebra="1", ant="2"))
    assert list(writes(upstream)[0]["body"]["metadata"]) == ["zebra", "ant"]
    entry = AuditEntry.objects.get(kind="intent")
    assert list(entry.sent_body["metadata"]) == ["zebra", "ant"]
    shown = parsed(operator.get(f"/audit/{entry.pk}/")).one("pre").text
    assert shown.index("zebra") < shown.index("ant")


def test_it_works_with_htmx(operator, upstream, done_run):
    path = path_of(done_run, "metadata")
    form = parsed(operator.get(path, headers=HTMX)).one("dialog").one("form")
    response = htmx(operator, path, fields(form) | typed(a="b"))
    assert response.status_code == 200
    assert "run-changed" in response["HX-Trigger"]
    assert writes(upstream)[0]["body"] == {"metadata": {"a": "b"}}


@pytest.mark.parametrize("name", ["metadata", "cancel", "tool-outputs"])
def test_a_form_alone_on_its_page_leads_back_to_the_run(name, operator, upstream, waiting):
    path = path_of(waiting, name)
    run_path = path.removesuffix(f"{name}/")
    posted = typed(a="b") | {f"output-{waiting.pending_calls[0]['id']}": "7", "token": "t"}
    for _ in range(2):  # the second post is answered with the first one's result
        here = {"HX-Current-URL": f"http://testserver{path}?connection=sandbox"}
        response = operator.post(path, posted, headers=HTMX | here)
        assert (response.status_code, response["HX-Redirect"]) == (200, run_path)
        assert parsed(operator.get(run_path)).one(id="toasts").text
    assert len(writes(upstream)) == 1


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ({"metadata-0-key": "k" * 65, "metadata-0-value": "v"}, "65 characters"),
        ({"metadata-0-key": "k", "metadata-0-value": "v" * 513}, "513 characters"),
        ({"metadata-0-key": "", "metadata-0-value": "v"}, "no key"),
        (
            {
                "metadata-0-key": "k",
                "metadata-0-value": "1",
                "metadata-1-key": "k",
                "metadata-1-value": "2",
            },
            "twice",
        ),
        ({f"metadata-{n}-key": f"k{n}" for n in range(17)}, "16 are allowed"),
    ],
)
def test_bad_pairs_are_refused_here(operator, upstream, done_run, pairs, words):
    response = operator.post(path_of(done_run, "metadata"), pairs | {"reason": "why not"})
    assert response.status_code == 422
    form = form_in(response, "metadata-form")
    assert words in form.all(role="alert")[0].text
    kept = fields(form)
    assert all(kept[name] == value for name, value in pairs.items() if value)
    assert kept["reason"] == "why not"
    assert writes(upstream) == []


def test_a_change_meanwhile_is_shown_and_nothing_sent(operator, upstream, done_run):
    path = path_of(done_run, "metadata")
    posted = fields(form_in(operator.get(path), "metadata-form")) | typed(mine="1")
    upstream.post(path[:-1].removesuffix("/metadata"), {"metadata": {"theirs": "2"}})
    upstream.clear_requests()

    response = operator.post(path, posted)

    assert response.status_code == 422
    assert writes(upstream) == []
    form = form_in(response, "metadata-form")
    assert form.one(class_="tag").text == "theirs=2"
    assert fields(form)["metadata-0-key"] == "mine"
    assert operator.post(path, fields(form)).status_code == 302
    assert writes(upstream)[0]["body"] == {"metadata": {"mine": "1"}}


def test_a_server_that_keeps_removed_keys_is_told_apart(operator, upstream, done_run):
    path = path_of(done_run, "metadata")
    operator.post(path, typed(old="1"))
    upstream.quirk(merge_metadata=True)
    response = operator.post(path, typed(new="2"), follow=True)
    assert "keeps removed keys: old" in parsed(response).one(id="toasts").text


def test_a_server_that_takes_them_and_changes_nothing_is_told(operator, upstream, done_run):
    path = path_of(done_run, "metadata")
    operator.post(path, typed(kept="1", other="1"))
    upstream.quirk(writes_ignored=True)
    said = parsed(operator.post(path, typed(kept="1", other="2", new="3"), follow=True)).one(id="toasts").text
    assert "The server took the request and changed nothing: new, other are not as sent." in said
    assert "Saved" not in said
    assert [one.result for one in AuditEntry.objects.filter(kind="outcome")] == ["done", "unchanged"]


def test_wrong_method(operator, done_run):
    assert operator.delete(path_of(done_run, "metadata")).status_code == 405


def test_not_allowed(viewer, upstream, done_run):
    assert viewer.post(path_of(done_run, "metadata"), typed(a="b")).status_code == 403
    assert writes(upstream) == []


def test_unknown_run(operator, done_run):
    assert operator.get(f"/threads/{done_run.thread.upstream_id}/runs/run_no/metadata/").status_code == 404


@pytest.mark.parametrize(("kind", "status"), [("502", 502), ("reset_after", 504), ("reset_before", 504)])
def test_upstream_down_keeps_what_was_typed(operator, upstream, done_run, kind, status):
    upstream.fault(f"POST /runs/{done_run.upstream_id}$", kind)
    response = operator.post(path_of(done_run, "metadata"), typed(a="b"))
    assert response.status_code == status
    assert fields(form_in(response, "metadata-form"))["metadata-0-value"] == "b"
