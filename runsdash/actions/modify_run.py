"""Changes the metadata of a run."""

from runsdash.accounts.models import User
from runsdash.index.models import Run
from runsdash.service import Client

from .audited_call import Columns
from .write_to_run import write_to


def modify_run(*, actor: User, run: Run, metadata: dict[str, str], token: str | None = None, reason: str = "") -> Run:
    """Sends the whole metadata map, which replaces the old one."""
    before = dict(run.metadata)
    return write_to(
        run, Client.modify_run, {"metadata": metadata}, actor=actor, token=token, reason=reason,
        has_changed=lambda row: row.metadata != before or metadata == before, picture=metadata_picture,
    )  # fmt: skip


def metadata_picture(run: Run) -> Columns:
    return {"metadata": run.metadata}
