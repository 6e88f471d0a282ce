"""Two runs side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsdash.dashboard.compare.text_diff import json_changes, text_pieces
from runsdash.sync.refresh import refresh_run
from tests.pages import parsed, run_ids
from tests.rows import made_connection, made_run


@pytest.fixture
def two(connection, upstream, start):
    """A and B: other words, another temperature, one tool call more in B; both whole in the index."""
    made = []
    for words, more in (("/code 1+1", {"temperature": 0.1}), ("/code 2+2 /search claims", {"temperature": 0.9})):
        run = start(words, until="completed", metadata={"who": words[:6]}, **more)
        refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
        made.append(refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"], max_age_s=0))
    upstream.clear_requests()
    return made


def cells(table, row: str) -> list[str]:
    found = [tr for tr in table.all("tr") if tr.all("th", scope="row") and tr.all("th", scope="row")[0].text == row]
    return [td.text for td in found[0].all("td")]


@pytest.mark.django_db(transaction=True)
def test_parameters_measures_steps_and_answers(viewer, two):
    a, b = two
    page = parsed(viewer.get(f"/compare/?a={a.upstream_id}&b={b.upstream_id}"))
    parameters = page.one(id="parameters")
    assert cells(parameters, "temperature") == ["0.1", "0.9"]
    changed = [tr.one("th").text for tr in parameters.all("tr", class_="changed")]
    assert {"temperature"} <= set(changed)
    assert "model" not in changed
    assert cells(page.one(id="measures"), "Steps")[:2] == ["2", "3"]
    assert cells(page.one(id="measures"), "Tokens")[:2] == [f"{a.total_tokens:,}", f"{b.total_tokens:,}"]
    assert [td.text for td in page.one(id="steps").all("span", class_="dim")] == ["not in A"]
    assert page.one(id="answer").all("del")
    assert page.one(id="answer").all("ins")


@pytest.mark.django_db
def test_tools_are_compared_by_name_and_one_that_is_missing_is_one_line(viewer):
    def function(name: str, **schema: object) -> dict:
        return {"type": "function", "function": {"name": name, "parameters": schema}}

    prod = made_connection(is_enabled=False)
    a = made_run(prod, tools=[function("find", type="object"), {"type": "file_search"}])
    b = made_run(prod, tools=[function("pay", type="object", required=["x"]), function("find", type="array")])
    page = parsed(viewer.get(f"/compare/?a={a.upstream_id}&b={b.upstream_id}"))
    changed = [tr.one("th").text for tr in page.one(id="parameters").all("tr", class_="changed")]
    assert changed == ["tools.find.function.parameters.type", "tools.file_search", "tools.pay"]
    assert cells(page.one(id="parameters"), "tools.pay") == ["(unset)", "function"]


@pytest.mark.django_db(transaction=True)
def test_it_asks_the_upstream_nothing(viewer, two, upstream):
    a, b = two
    viewer.get(f"/compare/?a={a.upstream_id}&b={b.upstream_id}")
    assert upstream.requests() == []


@pytest.mark.django_db(transaction=True)
def test_one_run_alone_offers_partners(viewer, two):
    a, b = two
    page = parsed(viewer.get(f"/compare/?a={a.upstream_id}"))
    assert page.one(id="run-a")["value"] == a.upstream_id
    assert b.upstream_id in run_ids(page)


@pytest.mark.django_db(transaction=True)
def test_an_unknown_run_is_said(viewer, two):
    response = viewer.get(f"/compare/?a={two[0].upstream_id}&b=run_nowhere")
    assert response.status_code == 404
    assert "not in the index" in parsed(response).one("main").text


@pytest.mark.django_db(transaction=True)
def test_two_ticked_runs_lead_to_their_comparison(viewer, two):
    a, b = sorted(two, key=lambda run: run.pk)
    response = viewer.get("/compare/", {"run": [str(b.pk), str(a.pk)]})
    assert response["Location"] == f"/compare/?a={a.upstream_id}&b={b.upstream_id}"


@pytest.mark.django_db
def test_not_signed_in_and_wrong_method(client, viewer):
    assert client.get("/compare/").status_code == 302
    assert viewer.post("/compare/").status_code == 405


@pytest.mark.long
@given(st.text(max_size=200), st.text(max_size=200))
def test_pieces_put_together_give_both_texts(a, b):
    pieces = text_pieces(a, b)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == a
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == b


def test_json_is_compared_by_path():
    changes = json_changes('{"a": 1, "b": {"c": [1, 2]}}', '{"a": 1, "b": {"c": [1, 3]}, "d": null}')
    assert [(one.path, one.a, one.b) for one in changes if one.differs] == [("b.c[1]", "2", "3"), ("d", None, "null")]
    assert json_changes("not json", "{}") is None
    assert json_changes("[" * 100_000, "{}") is None
