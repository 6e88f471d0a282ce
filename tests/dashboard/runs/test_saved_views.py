"""Saved views: kept, shared, renamed and deleted by their owner; seen by others only when shared."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from runsdash.index.models import SavedView
from tests.pages import Element, page_of, parsed
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
URL = "/runs/views/"


def saved(client: Client, name: str = "Failures", **more: str) -> SavedView:
    assert save(client, name, **more).status_code == 302
    return SavedView.objects.get(name=name, owner=client.user)


def save(client: Client, name: str, **more: str) -> HttpResponse:
    return client.post(URL, {"name": name, "query": "status:failed", "sort": "-tokens", **more})


def menu(client: Client) -> dict[str, str]:
    links = page_of(client.get("/runs/")).one("nav", class_="views").all("a")
    return {link.text: link["href"] for link in links}


def listed(client: Client) -> Element:
    return page_of(client.get(URL))


def test_a_view_is_kept_and_leads_to_its_list(viewer: Client) -> None:
    prod = made_connection()
    run = made_run(prod, status="failed")
    made_run(prod)
    saved(viewer)
    href = menu(viewer)["Failures"]
    assert href == "/runs/?q=status%3Afailed&sort=-tokens"
    page = page_of(viewer.get(href))
    assert [row["data-run-id"] for row in page.all("tr", data_run_id=True)] == [run.upstream_id]
    assert [one.text for one in page.one("nav", class_="views").all("a", aria_current="page")] == ["Failures"]
    assert page.one("title").text == "Runs: Failures · RunsDash"


def test_the_form_takes_the_list_as_it_is(viewer: Client) -> None:
    page = page_of(viewer.get("/runs/?q=status%3Afailed&sort=-cost"))
    form = page_of(viewer.get(next(a["href"] for a in page.all("a") if "Save this view" in a.text))).one(
        "form", id="new-view"
    )
    assert form.one("input", name="query")["value"] == "status:failed"
    assert form.one("input", name="sort")["value"] == "-cost"


def test_who_saves_a_view_is_back_at_its_list(viewer: Client) -> None:
    assert save(viewer, "Failures")["Location"] == "/runs/?q=status%3Afailed&sort=-tokens"
    assert save(viewer, "All", query="", sort="")["Location"] == "/runs/"


def test_a_view_keeps_the_connection_that_was_chosen_beside_the_filter(viewer: Client) -> None:
    made_connection()
    page = page_of(viewer.get("/runs/?q=status%3Afailed&connection=prod"))
    form = page_of(viewer.get(next(a["href"] for a in page.all("a") if "Save this view" in a.text))).one(
        "form", id="new-view"
    )
    assert form.one("input", name="query")["value"] == "status:failed connection:prod"


def test_a_view_of_threads_is_kept_and_leads_to_them(viewer: Client) -> None:
    prod = made_connection()
    made_run(prod, thread_id="thread_1", status="failed")
    made_run(prod, thread_id="thread_2")
    page = page_of(viewer.get("/threads/?q=status%3Afailed&sort=-cost"))
    form = page_of(viewer.get(next(a["href"] for a in page.all("a") if "Save this view" in a.text))).one(
        "form", id="new-view"
    )
    typed = {one["name"]: one.get("value") or "" for one in form.all("input", name=True)} | {"name": "Broken"}
    typed.pop("is_shared")
    answer = viewer.post(URL, typed)
    assert answer["Location"] == "/threads/?q=status%3Afailed&sort=-cost"
    page = page_of(viewer.get(answer["Location"]))
    assert [row["data-thread-id"] for row in page.all("tr", data_thread_id=True)] == ["thread_1"]
    assert [one.text for one in page.one("nav", class_="views").all("a", aria_current="page")] == ["Broken"]
    assert page.one("title").text == "Threads: Broken · RunsDash"
    assert "Broken" not in menu(viewer)


def test_a_view_takes_the_words_of_its_list_alone(viewer: Client) -> None:
    assert save(viewer, "Long ones", page="threads", query="runs>5", sort="-runs").status_code == 302
    assert save(viewer, "Slow ones", page="threads", query="duration>5m").status_code == 422
    assert save(viewer, "Many", query="runs>5").status_code == 422


def test_others_see_it_only_when_it_is_shared(viewer: Client, operator: Client) -> None:
    view = saved(viewer)
    assert "Failures" not in menu(operator)
    viewer.post(reverse("saved_view", args=[view.pk]), {"name": "Failures", "is_shared": "on"})
    assert any(name.startswith("Failures") for name in menu(operator))
    assert listed(operator).one("section", id="shared-views").one("tr", data_view=str(view.pk))
    viewer.post(reverse("saved_view", args=[view.pk]), {"name": "Failures"})
    assert not listed(operator).all("section", id="shared-views")


def test_a_change_keeps_the_filter(viewer: Client) -> None:
    view = saved(viewer)
    answer = viewer.post(reverse("saved_view", args=[view.pk]), {"name": "Broken"}, follow=True)
    view.refresh_from_db()
    assert (view.name, view.query, view.sort) == ("Broken", "status:failed", "-tokens")
    assert "changed" in page_of(answer).one("div", id="toasts").text


def test_only_the_owner_changes_or_deletes(viewer: Client, admin: Client) -> None:
    view = saved(viewer, is_shared="on")
    assert admin.post(reverse("saved_view", args=[view.pk]), {"name": "Mine"}).status_code == 404
    assert admin.post(reverse("saved_view_delete", args=[view.pk])).status_code == 404
    assert viewer.post(reverse("saved_view_delete", args=[view.pk])).status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"query": "colour:red"}, "query"),
        ({"name": "Taken"}, "name"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(viewer: Client, given: dict[str, str], field: str) -> None:
    saved(viewer, "Taken")
    typed = {"name": "New", "query": "status:expired"} | given
    form = page_of(viewer.post(URL, typed), status=422).one("form", id="new-view")
    assert form.one("input", name=field, aria_invalid="true")["value"] == typed[field]
    assert form.one("p", role="alert").text
    assert SavedView.objects.count() == 1


def test_a_name_that_is_taken_is_not_changed_to(viewer: Client) -> None:
    saved(viewer, "Taken")
    view = saved(viewer)
    answer = viewer.post(reverse("saved_view", args=[view.pk]), {"name": "Taken"}, follow=True)
    assert "not changed" in page_of(answer).one("div", id="toasts").text
    view.refresh_from_db()
    assert view.name == "Failures"


def test_a_hostile_name_is_text(viewer: Client) -> None:
    name = "<script>alert(1)</script>"
    saved(viewer, name)
    assert name in menu(viewer)


def test_methods_and_people(client: Client, nobody: Client, viewer: Client) -> None:
    view = saved(viewer)
    assert client.get(URL).status_code == 302
    assert nobody.post(URL, {"name": "x"}).status_code == 403
    assert viewer.get(reverse("saved_view", args=[view.pk])).status_code == 405
    assert viewer.get(reverse("saved_view_delete", args=[view.pk])).status_code == 405


def test_an_overview_is_saved_with_its_range_and_grouping(viewer: Client) -> None:
    made_run(made_connection())
    assert page_of(viewer.get("/")).one("nav", class_="views").one("a", aria_current="page").text == "Everything"
    page = page_of(viewer.get("/?range=30d&group=model&q=status%3Afailed&connection=prod"))
    link = next(a["href"] for a in page.all("a") if "Save this view" in a.text)
    form = page_of(viewer.get(link)).one("form", id="new-view")
    typed = {name: form.one("input", name=name)["value"] for name in ("page", "rest", "query")}
    assert typed == {"page": "overview", "rest": "range=30d&group=model", "query": "status:failed connection:prod"}
    answer = viewer.post(URL, {"name": "Models that fail", **typed})
    assert answer["Location"] == "/?range=30d&group=model&q=status%3Afailed+connection%3Aprod"
    chosen = page_of(viewer.get(answer["Location"])).one("nav", class_="views").one("a", aria_current="page")
    assert (chosen.text, chosen["href"]) == ("Models that fail", answer["Location"])
    assert "Models that fail" not in menu(viewer)
    view = SavedView.objects.get()
    viewer.post(reverse("saved_view", args=[view.pk]), {"name": "Renamed", "is_shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.rest, view.page) == ("Renamed", "range=30d&group=model", "overview")


def test_an_overview_takes_no_times_in_its_filter(viewer: Client) -> None:
    answer = save(viewer, "Bad", page="overview", query="since:7d", rest="range=30d&evil=1")
    assert answer.status_code == 422
    assert parsed(answer).one("input", name="rest")["value"] == "range=30d&evil=1"
    save(viewer, "Good", page="overview", query="", rest="range=30d&evil=1")
    assert SavedView.objects.get().rest == "range=30d"
