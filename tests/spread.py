"""Which tests share a process when there are several, and what begins first. Knows paths alone, never how long a test takes.

A module stays together, since its fixtures are made once a process, and so do modules that share a dear one (Chromium, a
cluster). What takes longest begins first, so that no process works on alone at the end.
"""

from xdist.scheduler import LoadScopeScheduling

# Modules that share a process, in the order in which the groups begin.
GROUPS = {
    "postgresql": ("tests/index/test_on_postgresql.py",),
    "browser": ("tests/browser/",),
    "cluster": ("tests/cluster/", "tests/attack/"),
    "demo": ("tests/test_demo.py",),
}
# Alone they take longer than most modules.
EARLY = tuple(
    f"tests/{name}.py"
    for name in (
        "sync/budget/test_fairness", "index/totals/test_overview_totals", "dashboard/run/test_poll_costs", "actions/live/test_stream_readers", "sync/test_worker",
        "index/importing/test_import", "index/exporting/test_export", "service/test_stream", "service/test_retries", "service/test_deadlines",
        "sandbox/protocol/test_sdk", "test_settings", "test_old_databases",
    )
)  # fmt: skip
# Many tests of the same length without a fixture of their own: each goes where there is room.
SINGLE = ("tests/test_hostile_markup.py",)


def share_of(nodeid: str) -> str:
    """The name of what is run by one process: tests with the same name go to the same one."""
    path = nodeid.partition("::")[0]
    if path in SINGLE:
        return nodeid
    return next((name for name, paths in GROUPS.items() if path.startswith(paths)), path)


def place_of(nodeid: str) -> int:
    """Small for what begins early."""
    share, path = share_of(nodeid), nodeid.partition("::")[0]
    begins = [*GROUPS, *EARLY]
    return next((place for place, name in enumerate(begins) if name in (share, path)), len(begins))


class Spread(LoadScopeScheduling):
    """Gives out whole shares in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)
