"""Names what pages are made of, for annotations; owns no other code."""

from typing import Any, Protocol, TypeAlias

Context: TypeAlias = dict[str, Any]  # of a template, or of a part of one: Django takes what there is
QueryValue: TypeAlias = str | int | None  # in an address, where "" and None are left out


class AsText(Protocol):
    """Is written as text and not looked at, whatever it is."""

    def __str__(self) -> str: ...


class TagPart(Protocol):
    """Goes into a polling tag as its `repr`, which differs when what is shown does."""

    def __repr__(self) -> str: ...
