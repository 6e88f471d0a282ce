"""Finds what assistants are called by the connections whose runs a filter finds. An id may stand for several."""

from collections.abc import Iterable

from runsdash.index.models import Assistant, Connection

from .run_filter import RunFilter


def assistant_names(ids: Iterable[str], run_filter: RunFilter, connection: Connection | None) -> dict[str, str]:
    """Returns names by id. `connection`: the one that is chosen beside the filter."""
    slugs = [connection.slug] if connection else run_filter.values("connection")
    within = Connection.objects.filter(slug__in=slugs) if slugs else Connection.objects.all()
    named = Assistant.objects.filter(connection__in=within.values("pk"), upstream_id__in=list(ids))
    return dict(named.values_list("upstream_id", "name"))
