"""What stands around the rows of the run list: facets, suggestions, clauses, sorts, columns, marks."""

from functools import partial
from unicodedata import normalize
from urllib.parse import urlencode, urljoin

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.dashboard.runs.query import run_list_address
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Assistant, Connection
from runsdash.index.search.run_filter import parsed
from runsdash.index.search.suggestions import suggestions
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.service import objects
from tests.pages import Element, page_of, run_ids
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import made_connection, made_run, made_runs, waiting_for

pytestmark = pytest.mark.django_db
URL = "/runs/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


# Facets


def facets(client: Client, **query: str) -> Element:
    return page_of(client.get(reverse("runs_facets"), query, headers=HTMX))


def counts(page: Element, name: str) -> dict[str, str]:
    menu = page.one("div", id=f"facet-{name}")
    return {pair["data-value"]: pair.one("small").text for pair in menu.all("div", data_value=True)}


def test_the_time_is_one_click(viewer: Client, prod: Connection) -> None:
    made_run(prod, age_s=7200, status="failed")
    recent = made_run(prod, status="failed")

    def menu(q: str) -> tuple[str, dict[str, Element]]:
        page = page_of(viewer.get(URL, {"q": q}))
        links = {one.text: one for one in page.one("form", id="facet-time").all("a")}
        return page.one("button", popovertarget="facet-time").text, links

    said, links = menu("status:failed created:2026-01-01..2026-01-02")
    assert said == "Created: 2026-01-01 to 2026-01-02"
    found = page_of(viewer.get(URL + links["Last hour"]["href"]))
    assert found.one("input", aria_label="Filter")["value"] == "status:failed created>-1h"
    assert [one["data-run-id"] for one in found.all("tr", data_run_id=True)] == [recent.upstream_id]
    said, links = menu("status:failed created>-1h")
    assert said == "Created: Last hour"
    assert links["Last hour"]["aria-current"] == "true"
    assert links["Any time"]["href"] == "?q=status%3Afailed"
    assert menu("")[0] == "Created: Any time"


def test_menus_keep_their_places(viewer: Client, prod: Connection) -> None:
    made_run(prod, status="failed")
    made_run(prod)

    def labels(q: str) -> list[str]:
        facets = page_of(viewer.get(URL, {"q": q, "facets": "1"})).one("div", id="facets")
        return [one["popovertarget"] for one in facets.all("button", popovertarget=True)]

    every = labels("")
    assert every == labels("status:failed") == labels("error:server_error status:failed")
    assert every[0] == "facet-status"


def test_the_page_asks_for_facets_after_its_rows(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    place = page_of(viewer.get(URL, {"q": "status:failed"})).one("div", id="facets")
    assert (place["hx-get"], place["hx-trigger"]) == ("/runs/facets/?q=status%3Afailed", "load")
    again = page_of(viewer.get(place["hx-get"], headers=HTMX)).one("div", id="facets")
    assert again["hx-trigger"].startswith("runs-changed")  # the list's poll says when


def test_without_javascript_a_link_brings_them(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    link = page_of(viewer.get(URL)).one("div", id="facets").one("a", class_="btn")
    assert counts(page_of(viewer.get(URL + link["href"])), "status") == {"completed": "1"}


def test_counts_are_exact(viewer: Client, prod: Connection) -> None:
    made_runs(prod, 3, model="a")
    made_run(prod, model="b", status="failed")
    made_run(prod, model="b", status="requires_action", required_action=waiting_for("get_stock"))
    page = facets(viewer)
    assert counts(page, "model") == {"a": "3", "b": "2"}
    assert counts(page, "error") == {"server_error": "1"}
    assert counts(page, "tool") == {"get_stock": "1"}
    assert counts(page, "status") == {"completed": "3", "failed": "1", "requires_action": "1"}
    assert not page.all("div", id="facet-connection")  # there is but one


def test_other_values_of_a_chosen_name_are_still_counted(viewer: Client, prod: Connection) -> None:
    made_runs(prod, 2, status="failed", model="a")
    made_run(prod, status="expired", model="b")
    page = facets(viewer, q="status:failed")
    assert counts(page, "status") == {"failed": "2", "expired": "1"}
    assert counts(page, "model") == {"a": "2"}


def test_one_click_includes_or_excludes(viewer: Client, prod: Connection) -> None:
    a, b = made_run(prod, model="a"), made_run(prod, model="b")
    pair = facets(viewer).one("div", data_value="a")
    include, exclude = (link["href"] for link in pair.all("a"))
    assert run_ids(page_of(viewer.get(URL + include))) == [a.upstream_id]
    assert run_ids(page_of(viewer.get(URL + exclude))) == [b.upstream_id]
    chosen = facets(viewer, q="-model:a").one("div", data_value="a")
    assert chosen.all("a")[1]["aria-current"] == "true"
    assert chosen.all("a")[0]["href"] == "?q=model%3Aa"


def test_links_of_values_say_what_a_click_makes_of_the_filter(viewer: Client, prod: Connection) -> None:
    """Whatever a filter says, the link that was written in short is the one that adding the clause makes."""
    made_run(prod, model='a "b" & c', metadata={"env": "prod"})
    made_run(prod, model="plain", status="failed", metadata={"env": "prod"})
    for q in (
        "",
        "metadata.env=prod",
        "-status:expired status:failed status:completed",
        'model:"a \\"b\\" & c"',
        "-model:plain",
    ):
        query = {"q": q, "sort": "-tokens", "limit": "25"}
        address, page = run_list_address(QueryDict(urlencode(query))), facets(viewer, **query)
        for name in ("model", "status"):
            for pair in page.one("div", id=f"facet-{name}").all("div", data_value=True):
                toggled = partial(address.filter.toggled, name, pair["data-value"])
                links = [one["href"] for one in pair.all("a")]
                assert links == [address.filtered(toggled()), address.filtered(toggled(negated=True))], q


def test_values_are_text(viewer: Client, prod: Connection) -> None:
    evil = "<script>alert(1)</script>\"'{}"
    made_run(prod, model=evil)
    page = facets(viewer)
    assert counts(page, "model") == {evil: "1"}
    pair = page.one("div", id="facet-model").one("div", data_value=evil)
    assert (pair.one("span").text, pair.all("a")[1]["aria-label"]) == (evil, f"Not {evil}")
    assert not page.all("script")


def test_values_cost_no_template_and_no_statement_of_their_own(viewer: Client, prod: Connection) -> None:
    for number in range(9):
        made_run(prod, model=f"m{number}", assistant_id=f"asst_{number}")
    facets(viewer)
    with at_most(12) as statements, renders_at_most(3):
        page = facets(viewer)
    of_totals = [at for at, sql in enumerate(statements) if "index_dirtyhour" in sql]
    of_values = [at for at, sql in enumerate(statements) if "index_runtool" in sql]
    assert of_totals[-1] < of_values[0], "counts may stop anywhere, so they take the time that is left"
    assert len(page.all("div", data_value=True)) > 18


def test_an_excluded_value_is_offered_once_and_has_no_run(viewer: Client, prod: Connection) -> None:
    made_run(prod, model="a")
    made_run(prod, model="b", status="failed")
    page = facets(viewer, q="-status:completed")
    assert [pair["data-value"] for pair in page.one("div", id="facet-status").all("div", data_value=True)] == [
        "failed",
        "completed",
    ]
    assert counts(page, "status") == {"failed": "1", "completed": "0"}
    assert page.one("button", popovertarget="facet-status").one("b").text == "1"


def test_assistants_are_named(viewer: Client, prod: Connection) -> None:
    run = made_run(prod)
    Assistant.objects.create(connection=prod, upstream_id=run.assistant_id, name="Stock bot", fetched_at=run.created_at)
    entry = facets(viewer).one("div", id="facet-assistant").one("div", data_value=run.assistant_id)
    assert entry.one("span").text == "Stock bot"


def test_facets_of_a_bad_filter_are_empty(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    assert not facets(viewer, q="colour:red").all("button")


# Suggestions


def suggested(client: Client, typed: str) -> list[str]:
    page = page_of(client.get(reverse("runs_suggest"), {"q": typed}, headers=HTMX))
    return [button["data-text"] for button in page.all("button")]


def test_names_and_values_are_suggested(viewer: Client, prod: Connection) -> None:
    run = made_run(prod, model="gpt-4o", status="failed", metadata={"env": "prod", "end user": "x y"}, age_s=5)
    Assistant.objects.create(connection=prod, upstream_id=run.assistant_id, name="Stock bot", fetched_at=run.created_at)
    assert suggested(viewer, "sta") == ["status:"]
    assert suggested(viewer, "status:f") == ["status:failed "]
    assert suggested(viewer, "a model:gpt") == ["a model:gpt-4o "]
    assert suggested(viewer, "-model:gpt") == ["-model:gpt-4o "]
    assert suggested(viewer, "assistant:bot") == ['assistant:"Stock bot" ']
    assert suggested(viewer, "metadata.") == ['metadata."end user"=', "metadata.env="]
    assert suggested(viewer, "metadata.env=") == ["metadata.env=prod "]
    assert suggested(viewer, 'metadata."end user"=') == ['metadata."end user"="x y" ']
    assert suggested(viewer, "error:s") == ["error:server_error "]
    assert suggested(viewer, "connection:") == ["connection:prod "]
    assert suggested(viewer, "has:t") == ["has:tool_calls "]
    assert suggested(viewer, "nonsense") == []
    assert "metadata." in suggested(viewer, "")


def test_every_suggestion_of_a_whole_clause_can_be_read(prod: Connection) -> None:
    made_run(prod, model='odd "model', metadata={"a=b": 'c"d\\', "": "x"}, status="failed")
    for typed in ("model:", "metadata.", 'metadata."a=b"=', "status:", "is:", "error:"):
        for one in suggestions(typed):
            assert not one.is_whole or parsed(one.text)


# Clauses, sorts, columns, marks


def test_each_clause_can_be_taken_away(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    page = page_of(viewer.get(URL, {"q": "status:failed -model:a two", "sort": "-tokens"}))
    chips = {chip["title"].removeprefix("Remove "): chip["href"] for chip in page.all("a", class_="clause")}
    assert chips == {
        "status:failed": "?q=-model%3Aa+two&sort=-tokens",
        "-model:a": "?q=status%3Afailed+two&sort=-tokens",
        "two": "?q=status%3Afailed+-model%3Aa&sort=-tokens",
    }


@pytest.mark.parametrize("name", ["Created", "Took", "Tokens", "Cost"])
def test_every_number_and_time_sorts_both_ways(viewer: Client, prod: Connection, name: str) -> None:
    made_runs(prod, 3)
    head = next(th for th in page_of(viewer.get(URL)).all("th") if th.text == name)
    once = page_of(viewer.get(URL + head.one("a")["href"]))
    sorted_by = once.one("th", aria_sort=True)
    assert sorted_by.text == name
    twice = page_of(viewer.get(URL + sorted_by.one("a")["href"]))
    assert {sorted_by["aria-sort"], twice.one("th", aria_sort=True)["aria-sort"]} == {"ascending", "descending"}
    assert run_ids(twice) == run_ids(once)[::-1]


def test_a_metadata_tag_narrows_the_list(viewer: Client, prod: Connection) -> None:
    User.objects.update(list_columns=["metadata"])
    run = made_run(prod, metadata={"two words": 'a "b"'})
    made_run(prod, metadata={"two words": "other"})
    row = page_of(viewer.get(URL)).one("tr", data_run_id=run.upstream_id)
    assert run_ids(page_of(viewer.get(URL + row.one("a", class_="tag")["href"]))) == [run.upstream_id]


def test_columns_are_remembered_for_each_person(viewer: Client, operator: Client, prod: Connection) -> None:
    made_run(prod)
    usual, of_another = heads(viewer), heads(operator)
    answer = viewer.post(reverse("runs_columns") + "?q=status:completed", {"col": ["cost", "thread", "x", "ended"]})
    assert (answer.status_code, answer["Location"]) == (302, "/runs/?q=status%3Acompleted")
    assert heads(viewer) == ["Status", "Question", "Cost", "Thread", "Ended", "Filter by the row"]
    assert heads(operator) == of_another
    viewer.post(reverse("runs_columns"), {"usual": "1", "col": ["cost"]})
    assert heads(viewer) == usual
    assert viewer.get(reverse("runs_columns")).status_code == 405


def heads(client: Client) -> list[str]:
    page = page_of(client.get(URL))
    assert len(page.one("tr", data_run_id=True).all("td")) + 1 == len(page.one("thead").all("th"))
    return [th.text for th in page.one("thead").all("th")]


def test_what_was_looked_for_is_marked_on_the_run_page(viewer: Client, prod: Connection) -> None:
    made_run(prod, instructions="Pay INV-2026-11873 today")
    page = page_of(viewer.get(URL, {"q": "inv-2026-11873 status:completed"}))
    link = page.one("tr", data_run_id=True).one("th").one("a")["href"]
    assert link.endswith("?hit=inv-2026-11873")


def test_the_run_page_marks_it_and_keeps_it_in_its_links(viewer: Client, prod: Connection) -> None:
    run = made_run(prod)
    content = [{"type": "text", "text": {"value": "Paid <b>INV-2026-11873</b> today", "annotations": []}}]
    message = {
        "id": "msg_1", "object": "thread.message", "thread_id": run.thread.upstream_id, "run_id": run.upstream_id,
        "created_at": int(run.created_at.timestamp()) + 2, "role": "assistant", "content": content,
    }  # fmt: skip
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=timezone.now())
    page = page_of(viewer.get(run_url(run), {"tab": "conversation", "hit": "inv-2026-11873"}))
    assert [mark.text for mark in page.all("mark")] == ["INV-2026-11873"]
    assert all("hit=inv-2026-11873" in tab["href"] for tab in page.all("a", data_tab=True))
    assert not page_of(viewer.get(run_url(run), {"tab": "conversation"})).all("mark")


def test_an_id_among_the_words_can_be_looked_up(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    page = page_of(viewer.get(URL, {"q": "run_3zZW"}))
    assert page.one("div", class_="empty").one("a", class_="primary")["href"] == "/go/?id=run_3zZW"


def test_the_page_says_how_much_of_a_text_is_searched(viewer: Client, prod: Connection) -> None:
    made_run(prod)
    assert "first 100 KB" in page_of(viewer.get(URL, {"q": "needle"})).one("p", id="words-hint").text
    assert not page_of(viewer.get(URL, {"q": "status:failed"})).all("p", id="words-hint")


@pytest.mark.parametrize("key", ["", " ", "a b", '"', "\\", "a=b", "ключ", "k" * 64])
def test_the_link_of_a_metadata_pair_leads_to_its_runs(viewer, key):
    User.objects.update(list_columns=["metadata"])
    run = made_run(made_connection(), metadata={key: "v w"})
    made_run(made_connection("other"), metadata={"other": "v w"})
    page = page_of(viewer.get("/runs/"))
    link = next(
        one for one in page.all("a", class_="tag") if one.parent.parent.parent.get("data-run-id") == run.upstream_id
    )
    found = page_of(viewer.get(urljoin("/runs/", link["href"])))
    assert [one["data-run-id"] for one in found.all("tr", data_run_id=True)] == [run.upstream_id]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("words", ["Café Gdańsk", "ﬁle № 5", "각하", "Ａｂｃ"])
def test_words_match_in_every_normal_form(viewer, words, form):
    run = made_run(made_connection(), instructions=normalize(form, words))
    for typed in ("NFC", "NFD", "NFKC", "NFKD"):
        found = page_of(viewer.get("/runs/", {"q": normalize(typed, words)}))
        assert [one["data-run-id"] for one in found.all("tr", data_run_id=True)] == [run.upstream_id], typed
