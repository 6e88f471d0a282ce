"""Customers and labels in the run list: columns, counts by value, links that narrow, words that find."""

import pytest
from django.test import Client

from runsdash.index.models import Connection, ThreadMetadata
from runsdash.index.notes import give_label
from tests.pages import page_of, run_ids
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def test_customers_and_labels_are_columns_and_counts(viewer: Client, prod) -> None:
    Connection.objects.update(customer_key="customer")
    runs = [made_run(prod, thread_id=f"thread_{number}") for number in range(3)]
    for run, value in zip(runs, ("C-14", "C-14", "C-15"), strict=True):
        ThreadMetadata.objects.create(thread=run.thread, key="customer", value=value)
    give_label(runs[0], "<b>bug</b>", given_by="ada")
    viewer.post("/runs/columns/", {"col": ["customer", "labels"]})
    page = page_of(viewer.get("/runs/", {"facets": "1"}))
    counts = {name: page.one(id=f"facet-{name}").all("small") for name in ("customer", "label")}
    assert {name: [one.text for one in found] for name, found in counts.items()} == {
        "customer": ["2", "1"], "label": ["1"],
    }  # fmt: skip
    tag = page.one("a", class_="tag")
    assert tag.text == "<b>bug</b>"
    assert run_ids(page_of(viewer.get("/runs/" + tag["href"]))) == [runs[0].upstream_id]
    links = page.one("tr", data_run_id=runs[2].upstream_id).all("a", title="Only this")
    only = next(one["href"] for one in links if "customer" in one["href"])
    assert run_ids(page_of(viewer.get("/runs/" + only))) == [runs[2].upstream_id]
    assert run_ids(page_of(viewer.get("/runs/", {"q": "c-15"}))) == [runs[2].upstream_id]
    assert "customer:C-14" in viewer.get("/runs/suggest/", {"q": "customer:C"}).content.decode()


def test_without_a_named_key_nobody_hears_of_customers(viewer: Client, prod) -> None:
    run = made_run(prod)
    ThreadMetadata.objects.create(thread=run.thread, key="customer", value="C-14")
    page = page_of(viewer.get("/runs/", {"facets": "1"}))
    assert not page.all(id="facet-customer")
    assert "customer:" not in page_of(viewer.get("/runs/suggest/", {"q": "cust"})).text
