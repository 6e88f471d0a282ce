"""Streams a run as one zip: run, steps and messages as received, and archived files."""

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.lookup import refetched_run
from runsdash.index.exporting.run_zip import safe, zip_of_run


@viewer_required
@require_safe
def run_zip(request: UserRequest, *, thread_id: str, run_id: str) -> StreamingHttpResponse:
    run = refetched_run(request, thread_id=thread_id, run_id=run_id, max_age_s=None)
    answer = StreamingHttpResponse(
        zip_of_run(run),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{safe(run.upstream_id)}.zip"',
            "X-Content-Type-Options": "nosniff",
        },
    )
    return mark_stale(answer, run)
