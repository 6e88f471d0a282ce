"""Streams objects as received: the JSON of a run, a step or a message, out of the index; a message's words too.

A step that the index does not hold yet comes from the upstream.
"""

from collections.abc import Iterable

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.lookup import connection_of, refetched_run
from runsdash.index.exporting.run_zip import safe
from runsdash.index.models import Message, MessageBody, RunBody, StepBody
from runsdash.index.models.bodies import Body
from runsdash.index.storage.bodies import raw_chunks, raw_object
from runsdash.index.storage.storable_text import dumped
from runsdash.service import objects
from runsdash.sync.step_read import unwalked_step


@viewer_required
@require_safe
def run(request: UserRequest, *, thread_id: str, run_id: str) -> StreamingHttpResponse:
    row = refetched_run(request, thread_id=thread_id, run_id=run_id, max_age_s=None)
    return mark_stale(streamed(request, RunBody.objects.filter(run=row).first(), name=run_id), row)


@viewer_required
@require_safe
def step(request: UserRequest, *, thread_id: str, run_id: str, step_id: str) -> StreamingHttpResponse:
    row = refetched_run(request, thread_id=thread_id, run_id=run_id, max_age_s=None)
    body = StepBody.objects.filter(step__run=row, step__upstream_id=step_id).first()
    if body is None and (unwalked := unwalked_step(row, step_id)) is not None:
        text = dumped(unwalked.raw)
        return as_json(request, [text], size=len(text), name=step_id)
    return mark_stale(streamed(request, body, name=step_id), row)


@viewer_required
@require_safe
def message(request: UserRequest, *, message_id: str) -> StreamingHttpResponse:
    connection = connection_of(request, (Message, message_id))
    body = MessageBody.objects.filter(message__connection=connection, message__upstream_id=message_id).first()
    return streamed(request, body, name=message_id)


@viewer_required
@require_safe
def message_text(request: UserRequest, *, message_id: str) -> HttpResponse:
    """Shows a message's words as they came: Markdown drops marks such as `__init__` and blanks that align."""
    connection = connection_of(request, (Message, message_id))
    body = MessageBody.objects.filter(message__connection=connection, message__upstream_id=message_id).first()
    if body is None:
        raise Http404("RunsDash has no copy of this object.")
    parts = objects.Message.from_raw(raw_object(body)).content
    text = visible("\n\n".join(str(part.text or part.refusal or "") for part in parts))
    headers = {"X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def streamed(request: UserRequest, body: Body | None, *, name: str) -> StreamingHttpResponse:
    """Streams the JSON text; with `?download=1` as a file to keep. Browsers may not guess another type."""
    if body is None:
        raise Http404("RunsDash has no copy of this object.")
    return as_json(request, raw_chunks(body), size=body.size, name=name)


def as_json(request: UserRequest, chunks: Iterable[bytes], *, size: int, name: str) -> StreamingHttpResponse:
    kind = "attachment" if request.GET.get("download") else "inline"
    return StreamingHttpResponse(
        chunks,
        content_type="application/json",
        headers={
            "Content-Disposition": f'{kind}; filename="{safe(name)}.json"',
            "X-Content-Type-Options": "nosniff",
            "Content-Length": str(size),
        },
    )
