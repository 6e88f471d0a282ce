"""A run to take along: run, steps, messages as received and the files that are kept, as one zip, streamed."""

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.lookup import connection_of_run
from runsdash.index.exporting.run_zip import safe, zip_of_run
from runsdash.sync.refresh import refresh_run


@viewer_required
@require_safe
def run_zip(request: HttpRequest, *, thread_id: str, run_id: str) -> StreamingHttpResponse:
    connection = connection_of_run(request, thread_id=thread_id, run_id=run_id)
    run = refresh_run(connection, thread_id=thread_id, run_id=run_id)
    answer = StreamingHttpResponse(
        zip_of_run(run),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{safe(run.upstream_id)}.zip"',
            "X-Content-Type-Options": "nosniff",
        },
    )
    return mark_stale(answer, run)
