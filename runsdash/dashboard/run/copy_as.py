"""Shows the requests of a run as curl and as Python, with the key as a variable."""

import json
import shlex

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.actions.rerun import parameters_of
from runsdash.dashboard.shell.lookup import indexed_run
from runsdash.index.models import Run
from runsdash.service import Client, InvalidRequest, RequestDescription
from runsdash.service.json_types import Json, JsonFields
from runsdash.sync.clients import client_for

KEY_VARIABLE = "RUNSDASH_API_KEY"
NO_SERVER = "https://your-server/v1"  # in the place of what an imported run does not have


def as_curl(request: RequestDescription) -> str:
    """Writes the request as a curl command; every word is quoted for the shell."""
    lines = [f"curl {shlex.quote(request.url)}"]
    if request.method != "POST":
        lines[0] = f"curl -X {request.method} {shlex.quote(request.url)}"
    for name, value in sorted(shown_headers(request).items()):
        # Double quotes let the shell put the key in; everything else of a header is ours.
        quoted = f'"{name}: {value}"' if KEY_VARIABLE in value else shlex.quote(f"{name}: {value}")
        lines.append(f"  -H {quoted}")
    if request.json is not None:
        lines.append(f"  --data-raw {shlex.quote(json.dumps(request.json, ensure_ascii=False, indent=2))}")
    return " \\\n".join(lines)


def as_python(request: RequestDescription) -> str:
    """Writes the request as a Python script that uses `requests`."""
    headers = {
        name: value for name, value in sorted(request.headers.items()) if name.lower() not in {"accept", "content-type"}
    }
    lines = [
        "import os",
        "",
        "import requests",
        "",
        f"key = os.environ[{KEY_VARIABLE!r}]",
        "response = requests.request(",
    ]
    lines += [f"    {request.method!r},", f"    {request.url!r},", "    headers={"]
    lines += [f"        {name!r}: {value!r}," for name, value in headers.items()]
    lines += [f"        {auth_header(request)[0]!r}: {auth_header(request)[1]},", "    },"]
    if request.json is not None:
        lines += [f"    json={python_literal(request.json)},"]
    lines += ["    timeout=30,", ")", "response.raise_for_status()", "print(response.json())"]
    return "\n".join(lines)


def shown_headers(request: RequestDescription) -> dict[str, str]:
    name = auth_header(request)[0]
    value = f"${KEY_VARIABLE}" if name == "api-key" else f"Bearer ${KEY_VARIABLE}"
    return {**{k: v for k, v in request.headers.items() if k.lower() != "accept"}, name: value}


def auth_header(request: RequestDescription) -> tuple[str, str]:
    """Returns the header that carries the key, and the Python expression of its value."""
    if request.auth_header == "api-key":
        return "api-key", "key"
    return "Authorization", 'f"Bearer {key}"'


def python_literal(value: Json, indent: int = 4) -> str:
    """Writes `value` as Python source, laid out like JSON."""
    pad = " " * (indent + 4)
    if isinstance(value, dict) and value:
        items = [f"{pad}{key!r}: {python_literal(item, indent + 4)}," for key, item in value.items()]
        return "{\n" + "\n".join(items) + "\n" + " " * indent + "}"
    if isinstance(value, list) and value:
        items = [f"{pad}{python_literal(item, indent + 4)}," for item in value]
        return "[\n" + "\n".join(items) + "\n" + " " * indent + "]"
    return repr(value)


def described(client: Client, title: str, operation: str, run: Run, parameters: JsonFields) -> dict[str, str]:
    """Returns a request in both languages; the reason where the API would not take what the run was read with."""
    try:
        one = client.describe_request(operation, thread_id=run.thread.upstream_id, **parameters)
    except InvalidRequest as error:
        return {"title": title, "refused": error.message}
    return {"title": title, "curl": as_curl(one), "python": as_python(one)}


@viewer_required
@require_safe
def copy_as(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Shows the request that reads the run, and the one that starts it again."""
    run = indexed_run(request, thread_id=thread_id, run_id=run_id)
    has_server = bool(run.connection.base_url)
    client = client_for(run.connection) if has_server else Client(NO_SERVER, "")
    context = {
        "run": run,
        "requests": [
            described(client, "Start it again on its thread", "create_run", run, parameters_of(run)),
            described(client, "Read it", "retrieve_run", run, {"run_id": run.upstream_id}),
        ],
        "variable": KEY_VARIABLE,
        "no_server": "" if has_server else NO_SERVER,
        "is_dialog": bool(request.htmx),
    }
    if request.htmx:
        return render(
            request, "run_actions/_dialog.html", context | {"fragment": "run/_copy_as.html", "title": "Copy as"}
        )
    return render(request, "run/copy_as.html", context)
