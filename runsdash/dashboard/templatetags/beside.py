"""Defines template tags that lead from a run to pages beside its own."""

from django import template

from runsdash.dashboard.shell.links import address, compare_url, with_connection
from runsdash.index.models import Run

register = template.Library()
register.simple_tag(compare_url)


@register.simple_tag
def audit_url(run: Run) -> str:
    """Returns the page of the audit trail with what was done to a run."""
    return with_connection(address("audit"), run, run=run.upstream_id)
