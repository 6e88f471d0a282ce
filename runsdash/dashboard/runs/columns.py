"""Defines the columns of the run list: which a person wants, and how they can be sorted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runsdash.accounts.models import User
from runsdash.index.search.filter_names import NUMBERS
from runsdash.service.json_types import Json


@dataclass(frozen=True)
class Column:
    """Describes a column.

    `classes`: its width, and on which pages it goes. `sort`: its name in `?sort=`, "" for none.
    """

    name: str
    label: str
    classes: str = ""
    sort: str = ""
    is_usual: bool = False


def number(name: str, classes: str, *, is_usual: bool = False) -> Column:
    return Column(name, NUMBERS[name].label, f"num {classes}", sort=name, is_usual=is_usual)


CUSTOMER = Column("customer", "Customer", "c-who p2", is_usual=True)
LABELS = Column("labels", "Labels", "c-out p3")
FIRST = [
    Column("outcome", "Outcome", "c-out p1", is_usual=True),
    CUSTOMER,
    Column("assistant", "Assistant", "c-asst p3", is_usual=True),
    Column("created", "Created", "c-when p1", sort="created_at", is_usual=True),
    number("duration", "c-took p2", is_usual=True),
    number("tokens", "c-n p4", is_usual=True),
    number("cost", "c-usd p3", is_usual=True),
]
COLUMNS = [
    *FIRST,
    Column("run", "Run", "c-id p2"),
    Column("thread", "Thread", "c-id p2"),
    Column("model", "Model", "c-asst p3"),
    Column("started", "Started", "c-when p2"),
    Column("ended", "Ended", "c-when p3"),
    *(number(name, "c-n p3") for name in NUMBERS if name not in {column.name for column in FIRST}),
    Column("error", "Error", "c-asst p3"),
    Column("connection", "Connection", "c-who p3"),
    LABELS,
    Column("metadata", "Metadata", "c-out p3"),
]


def columns_for(user: User, *, names_customers: bool) -> list[Column]:
    """Returns the columns this person wants, in the table's order. Status and question are always there.

    Without a connection that `names_customers` there is no such column.
    """
    wanted = set(in_order(user.list_columns))
    shown = [column for column in COLUMNS if (column.name in wanted if wanted else column.is_usual)]
    return [column for column in shown if names_customers or column is not CUSTOMER]


def in_order(names: Iterable[Json]) -> list[str]:
    wanted = set(map(str, names))
    return [column.name for column in COLUMNS if column.name in wanted]


def are_many(columns: Sequence[Column]) -> bool:
    """Tells whether the table is wider than a page, so that it scrolls in its panel."""
    return len(columns) > len(FIRST)
