"""Defines the columns of the run list: which a person wants, and how they can be sorted."""

from collections.abc import Iterable
from dataclasses import dataclass

from runsdash.accounts.models import User
from runsdash.index.search.filter_names import NUMBERS


@dataclass(frozen=True)
class Column:
    """Describes a column. `classes` say on which widths it goes; `sort` is its name in `?sort=`, "" for none."""

    name: str
    label: str
    classes: str = ""
    sort: str = ""
    is_usual: bool = True


COLUMNS = [
    Column("thread", "Thread", "p2"),
    Column("assistant", "Assistant", "p2"),
    Column("model", "Model", "p3"),
    Column("started", "Started", "p2", sort="created_at"),
    Column("created", "Created", "p2", sort="created_at", is_usual=False),
    Column("ended", "Ended", "p3", is_usual=False),
    *(Column(name, of.label, f"num {of.width}", sort=name, is_usual=of.is_usual) for name, of in NUMBERS.items()),
    Column("error", "Error", "p3", is_usual=False),
    Column("connection", "Connection", "p3", is_usual=False),
    Column("metadata", "Metadata", "p3 grow"),
]
NAMES = [column.name for column in COLUMNS]
USUAL = [column.name for column in COLUMNS if column.is_usual]


def columns_for(user: User) -> list[str]:
    """Returns the columns this person wants, in the table's order. Status and run are always there."""
    return in_order(user.list_columns) or USUAL


def in_order(names: Iterable[object]) -> list[str]:
    wanted = set(map(str, names))
    return [name for name in NAMES if name in wanted]
