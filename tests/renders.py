"""Counts the templates that an answer renders, each `{% include %}` among them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.test.signals import template_rendered


@contextmanager
def renders_at_most(limit: int) -> Iterator[list[str]]:
    """Fails when more templates than `limit` are rendered inside; their names are in the list afterwards."""
    names: list[str] = []

    def keep(template: object, **_: object) -> None:
        names.append(str(getattr(template, "name", "")))

    template_rendered.connect(keep)
    try:
        yield names
    finally:
        template_rendered.disconnect(keep)
    assert len(names) <= limit, "\n".join(names)
