"""What a test looks at after an action: what the upstream was told, and the run as it is there now."""

from runsdash.index.models import Run
from runsdash.sync.refresh import refresh_run
from tests.upstream import Sandbox


def writes(upstream: Sandbox) -> list[str]:
    """The last words of the paths that were posted to, oldest first."""
    return [one["path"].rpartition("/")[2] for one in upstream.requests(method="POST")]


def reread(run: Run) -> Run:
    return refresh_run(run.connection, thread_id=run.thread.upstream_id, run_id=run.upstream_id, max_age_s=0, wait_s=5)
