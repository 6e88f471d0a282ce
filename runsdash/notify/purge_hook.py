"""Deletes the deliveries that name a run when the run is purged."""

from runsdash.index.keeping.purge import PURGE_HOOKS
from runsdash.index.models import Connection, StatusSeen

from .models import Delivery, Rule


def forget_deliveries(*, connection: Connection, run_id: str, run_key: int) -> None:
    """Deletes the deliveries of a run by their keys, see events.py."""
    seen = StatusSeen.objects.filter(run_id=run_key).values_list("status", "pk")
    keys = [f"{status}:{pk}" for status, pk in seen] + [f"stale:{run_key}"]
    keys += [f"{Delivery.MUTED}{key}" for key in keys]
    Delivery.objects.filter(rule__in=Rule.objects.values("pk"), event_key__in=keys).delete()


PURGE_HOOKS.append(forget_deliveries)
