"""A run to take along: run, steps, messages as received and the files that are kept, as one zip, streamed."""

import json
import re
from collections.abc import Iterable, Iterator
from zipfile import ZIP_DEFLATED, ZipFile

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.stale import mark_stale
from runsdash.dashboard.subject import connection_of_run
from runsdash.index.archive import file_ids_of_run, kept_file
from runsdash.index.bodies import raw_chunks
from runsdash.index.models import MessageBody, Run, RunBody, StepBody
from runsdash.index.models.bodies import Body
from runsdash.index.reading import messages_of_run
from runsdash.sync.refresh import refresh_run

BODIES_AT_ONCE = 20
NAME_CHARS = 100
Member = tuple[str, Iterable[bytes]]


@viewer_required
@require_safe
def run_zip(request: HttpRequest, *, thread_id: str, run_id: str) -> StreamingHttpResponse:
    connection = connection_of_run(request, thread_id=thread_id, run_id=run_id)
    run = refresh_run(connection, thread_id=thread_id, run_id=run_id)
    answer = StreamingHttpResponse(
        zipped(members(run)),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{safe(run.upstream_id)}.zip"',
            "X-Content-Type-Options": "nosniff",
        },
    )
    return mark_stale(answer, run)


def members(run: Run) -> Iterator[Member]:
    """(name, content) of each file in the zip; the manifest, which counts them, comes last."""
    manifest = {"run_id": run.upstream_id, "thread_id": run.thread.upstream_id, "connection": run.connection.slug}
    manifest |= {"exported_at": timezone.now().isoformat(), "fetched_at": run.fetched_at and run.fetched_at.isoformat()}
    counts = {"steps": 0, "messages": 0, "files": 0}
    for body in RunBody.objects.filter(run=run):
        yield "run.json", raw_chunks(body)
    steps = StepBody.objects.filter(step__run=run).select_related("step").order_by("step__position", "step_id")
    for number, body in enumerate(steps.iterator(chunk_size=BODIES_AT_ONCE), start=1):
        counts["steps"] = number
        yield f"steps/{number:05d}-{safe(body.step.upstream_id)}.json", raw_chunks(body)
    for number, body in enumerate(message_bodies(run), start=1):
        counts["messages"] = number
        yield f"messages/{number:05d}-{safe(body.message.upstream_id)}.json", raw_chunks(body)
    missing = []
    for file_id in file_ids_of_run(run):
        file = kept_file(run.connection, file_id)
        if file is None or file.content is None:
            missing.append(file_id)
            continue
        counts["files"] += 1
        yield f"files/{safe(file_id)}", [bytes(file.content)]
    manifest |= counts | {"files_not_kept": missing, "has_all_steps": run.has_all_steps}
    yield "manifest.json", [json.dumps(manifest, indent=2).encode()]


def message_bodies(run: Run) -> Iterator[Body]:
    """Of the questions it answers and of what it wrote, in order."""
    keys = [message.pk for message in messages_of_run(run)]
    for start in range(0, len(keys), BODIES_AT_ONCE):
        some = keys[start : start + BODIES_AT_ONCE]
        found = MessageBody.objects.select_related("message").in_bulk(some)
        yield from (found[key] for key in some if key in found)


def safe(name: str) -> str:
    """A name that is nothing but a name, in any file system."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:NAME_CHARS] or "_"


class Outlet:
    """A file that only takes; `emptied` gives what came since the last time."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """There is nothing behind it."""

    def emptied(self) -> bytes:
        content = b"".join(self.pieces)
        self.pieces.clear()
        return content


def zipped(found: Iterable[Member]) -> Iterator[bytes]:
    """A zip as it grows, one chunk of one member in memory."""
    outlet = Outlet()
    with ZipFile(outlet, "w", ZIP_DEFLATED) as file:
        for name, chunks in found:
            with file.open(name, "w", force_zip64=True) as member:
                for chunk in chunks:
                    member.write(chunk)
                    if content := outlet.emptied():
                        yield content
    yield outlet.emptied()
