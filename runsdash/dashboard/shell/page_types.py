"""Names what pages are made of, for annotations; owns no other code."""

from typing import Any, Protocol, TypeAlias

from runsdash.index.models import Run, Thread
from runsdash.index.search.listed_runs import ListedRun, ListedThread

Context: TypeAlias = dict[str, Any]  # of a template, or of a part of one: Django takes what there is
QueryValue: TypeAlias = str | int | None  # in an address, where "" and None are left out
AnyRun: TypeAlias = Run | ListedRun  # with what links and lists need
AnyThread: TypeAlias = Thread | ListedThread


class Written(Protocol):
    """Has a text of its own, as every value has."""

    def __str__(self) -> str: ...
    def __repr__(self) -> str: ...


AsText: TypeAlias = Written | None  # is written as text and not looked at, whatever it is
TagPart: TypeAlias = Written | None  # goes into a polling tag as its `repr`, which differs when what is shown does
