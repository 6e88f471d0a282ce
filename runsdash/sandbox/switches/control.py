"""Serves the switches under `/_sandbox/`: request log, faults, quirks, a run's deadline, seeded runs.

They are for tests and demos, and no part of the protocol: docs/sandbox.md#switches-for-tests.
"""

from collections.abc import Callable

from runsdash.sandbox.json_objects import Json
from runsdash.sandbox.protocol.checks import as_whole, number
from runsdash.sandbox.protocol.errors import invalid, not_found, unknown_url
from runsdash.sandbox.seed import seed_thread
from runsdash.sandbox.state import Call


def answer(call: Call, method: str, path: str) -> Json:
    """Answers one call; `path` is without `/_sandbox`."""
    if path.startswith("/runs/") and method == "POST":
        return shift_run(call, path.removeprefix("/runs/"))
    endpoint = ENDPOINTS.get((method, path.rstrip("/")))
    if endpoint is None:
        raise unknown_url(method, "/_sandbox" + path)
    return endpoint(call)


def requests(call: Call) -> Json:
    since = call.query.get("since", ["0"])[0]
    try:
        return call.sandbox.request_log.since(float(since))
    except ValueError:
        raise invalid("since is a Unix time in seconds.", param="since") from None


def clear_requests(call: Call) -> Json:
    call.sandbox.request_log.clear()
    return {}


def add_fault(call: Call) -> Json:
    call.sandbox.faults.add(call.body)
    return call.sandbox.faults.listed()


def clear_faults(call: Call) -> Json:
    call.sandbox.faults.clear()
    return {}


def set_quirks(call: Call) -> Json:
    unknown = set(call.body) - set(call.sandbox.quirks)
    if unknown:
        raise invalid(f"Unknown quirk {sorted(unknown)}; there are {sorted(call.sandbox.quirks)}.")
    call.sandbox.quirks |= call.body
    return call.sandbox.quirks


def clear_quirks(call: Call) -> Json:
    call.sandbox.quirks = dict(call.sandbox.first_quirks)
    return call.sandbox.quirks


def shift_run(call: Call, run_id: str) -> Json:
    """Moves an unfinished run's `expires_at` (Unix seconds), so that a test need not wait."""
    number(least=0, whole=True)("expires_at", call.body.get("expires_at"))
    with call.sandbox.store.change() as change:
        active, run = change.active(run_id), change.find("run", run_id)
        if run is None or active is None:
            raise not_found("active run", run_id)
        active.expires_at = run["expires_at"] = as_whole(call.body["expires_at"])
        change.update(run)
        change.save_active(active)
    call.sandbox.engine.wake()
    return run


ENDPOINTS: dict[tuple[str, str], Callable[[Call], Json]] = {
    ("GET", "/requests"): requests,
    ("DELETE", "/requests"): clear_requests,
    ("GET", "/faults"): lambda call: call.sandbox.faults.listed(),
    ("POST", "/faults"): add_fault,
    ("DELETE", "/faults"): clear_faults,
    ("GET", "/quirks"): lambda call: call.sandbox.quirks,
    ("POST", "/quirks"): set_quirks,
    ("DELETE", "/quirks"): clear_quirks,
    ("POST", "/seed"): lambda call: seed_thread.write(call.sandbox, call.body),
}
