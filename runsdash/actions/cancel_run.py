"""Cancels a run."""

from runsdash.accounts.models import User
from runsdash.index import run_states
from runsdash.index.models import Run
from runsdash.service import Client

from .write_to_run import write_to


def cancel_run(*, actor: User, run: Run, token: str | None = None, reason: str = "") -> Run:
    """Asks the upstream to cancel. The run is usually `cancelling` afterwards; whoever watches sees its end."""
    return write_to(
        run, Client.cancel_run, {}, actor=actor, token=token, reason=reason,
        has_changed=lambda row: row.status in run_states.CANCEL_TAKEN,
    )  # fmt: skip
