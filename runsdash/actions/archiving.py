"""Archives what is missing of a connection, on the record."""

from runsdash.accounts.models import User
from runsdash.index.models import Connection, Job
from runsdash.service.json_types import JsonObject
from runsdash.sync.jobs import archive_jobs

from .audited_change import change


def archive_connection(*, actor: User, connection: Connection) -> Job:
    """Lets a worker read all that is missing; one job a connection at a time."""

    def act() -> tuple[Job, JsonObject]:
        job = archive_jobs.begin(connection, created_by=actor.get_username())
        return job, {"job": job.pk, "threads": job.progress.get("total")}

    return change(
        actor=actor, action="archive_connection", right="can_act", connection_slug=connection.slug, act=act
    )  # fmt: skip
