"""Finds the newest run of each cause."""

from collections.abc import Sequence

from django.db import connection as database

from .hour_spans import HOUR_KEYS, Span
from .span_reads import Narrowing


def last_keys(span: Span, narrowing: Narrowing, causes: Sequence[tuple[str, str]]) -> list[int | None]:
    """Returns the key of each cause's newest run: one statement of a look at the index on codes or statuses for each.

    A cause is a status and an error code; of a code, whatever the status.
    """
    narrowed, values = narrowing.sql
    looks: list[str] = []
    params: list[str | int] = []
    for status, code in causes:
        own = "error_code = %s" if code else "status = %s AND error_code = ''"
        looks.append(
            f"(SELECT id FROM index_run WHERE {own} AND id >= %s AND id < %s{narrowed} ORDER BY id DESC LIMIT 1)"
        )
        params += [code or status, span.first * HOUR_KEYS, span.end * HOUR_KEYS, *values]
    if not looks:
        return []
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(looks)}", params)
        return [*cursor.fetchone()]
