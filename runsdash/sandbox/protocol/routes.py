"""Maps the paths of the protocol under `/v1` to the endpoint of each method."""

import re
from collections.abc import Callable, Sequence

from runsdash.sandbox.state import Answer

from . import assistants, files, messages, models, runs, steps, submit, threads

Endpoint = Callable[..., Answer]

THREAD = "/threads/(?P<thread_id>[^/]+)"
RUN = THREAD + "/runs/(?P<run_id>[^/]+)"

TABLE: list[tuple[str, dict[str, Endpoint]]] = [
    ("/assistants", {"GET": assistants.list_all, "POST": assistants.create}),
    (
        "/assistants/(?P<assistant_id>[^/]+)",
        {"GET": assistants.retrieve, "POST": assistants.modify, "DELETE": assistants.delete},
    ),
    ("/threads", {"GET": threads.list_all, "POST": threads.create}),
    ("/threads/runs", {"POST": runs.create_with_thread}),
    (THREAD, {"GET": threads.retrieve, "POST": threads.modify, "DELETE": threads.delete}),
    (THREAD + "/messages", {"GET": messages.list_all, "POST": messages.create}),
    (
        THREAD + "/messages/(?P<message_id>[^/]+)",
        {"GET": messages.retrieve, "POST": messages.modify, "DELETE": messages.delete},
    ),
    (THREAD + "/runs", {"GET": runs.list_all, "POST": runs.create}),
    (RUN, {"GET": runs.retrieve, "POST": runs.modify}),
    (RUN + "/cancel", {"POST": runs.cancel}),
    (RUN + "/submit_tool_outputs", {"POST": submit.create}),
    (RUN + "/steps", {"GET": steps.list_all}),
    (RUN + "/steps/(?P<step_id>[^/]+)", {"GET": steps.retrieve}),
    ("/files/(?P<file_id>[^/]+)", {"GET": files.retrieve}),
    ("/files/(?P<file_id>[^/]+)/content", {"GET": files.content}),
    ("/models", {"GET": models.list_all}),
]
ROUTES = [
    (re.compile(pattern + "/?"), re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern), methods)
    for pattern, methods in TABLE
]


def find(path: str, *, lacks: Sequence[str] = ()) -> tuple[dict[str, Endpoint], dict[str, str]] | None:
    """Finds the endpoints by method and the ids in `path` (without `/v1`). None for an unknown path.

    `lacks` names what this server has not: a method and a path with `{thread_id}` and the like.
    """
    for pattern, named, methods in ROUTES:
        if match := pattern.fullmatch(path):
            there = {method: one for method, one in methods.items() if f"{method} {named}" not in lacks}
            return (there, match.groupdict()) if there else None
    return None
