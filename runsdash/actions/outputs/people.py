"""Says who is at runs: answering them, or with a draft for them. Reads by one statement, and shows nobody a text."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.run_states import stored

from .claims import LAPSES_AFTER

PERSON = "u.id, u.username, u.first_name, u.last_name"
RunIds = tuple[int, str]  # key of the connection, upstream id of the run


@dataclass(frozen=True, kw_only=True)
class PersonAt:
    """Names one of the people at a run. `user`: with the columns of PERSON alone."""

    user: User
    is_answering: bool


def people_at(runs: Sequence[RunIds]) -> dict[RunIds, list[PersonAt]]:
    """Returns who is answering a run, the longest first, then who has a draft. No statement for no run."""
    if not runs:
        return {}
    asked = "x.connection_id IN ({}) AND x.run_upstream_id IN ({})"
    keys = sorted({key for key, _ in runs})
    which = asked.format(", ".join(["%s"] * len(keys)), ", ".join(["%s"] * len(runs)))
    ids: list[int | str] = [*keys, *(upstream_id for _, upstream_id in runs)]
    statement = (
        f"SELECT 1 AS is_answering, x.since AS since, x.connection_id, x.run_upstream_id, {PERSON}"
        f" FROM actions_claim x JOIN accounts_user u ON u.id = x.user_id WHERE x.seen_at > %s AND {which}"
        f" UNION ALL SELECT DISTINCT 0, CAST(NULL AS TIMESTAMP WITH TIME ZONE), x.connection_id, x.run_upstream_id,"
        f" {PERSON} FROM actions_draft x JOIN accounts_user u ON u.id = x.user_id WHERE {which}"
        " ORDER BY is_answering DESC, since, username"
    )
    found: dict[RunIds, list[PersonAt]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, [stored(timezone.now() - LAPSES_AFTER), *ids, *ids])
        for is_answering, _, connection_id, upstream_id, key, username, first_name, last_name in cursor.fetchall():
            user = User(id=key, username=username, first_name=first_name, last_name=last_name)
            at = found.setdefault((connection_id, upstream_id), [])
            at.append(PersonAt(user=user, is_answering=bool(is_answering)))
    return found
