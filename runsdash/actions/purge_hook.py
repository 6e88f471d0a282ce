"""Makes a purge take along the texts that people typed for a run's calls. The trail stays."""

from runsdash.actions.outputs.outputs import Claim, Draft, SentOutput
from runsdash.index.keeping.purge import PURGE_HOOKS
from runsdash.index.models import Connection


def purge_outputs(*, connection: Connection, run_id: str, run_key: int) -> None:
    for model in (Claim, Draft, SentOutput):
        model.objects.filter(connection=connection, run_upstream_id=run_id).delete()


PURGE_HOOKS.append(purge_outputs)
