"""Defines template tags that say in words what a tool call is, and what became of it."""

from collections.abc import Mapping

from django import template
from django.urls import reverse

from runsdash.dashboard.run.waterfall import StepLine
from runsdash.dashboard.shell.links import address, with_query
from runsdash.index.models import Run
from runsdash.service.objects import tool_types
from runsdash.service.statuses import StepStatus

register = template.Library()

register.filter("tool_type", tool_types.tool_type)


@register.simple_tag
def missing_output(tool: tool_types.ToolType, line: StepLine) -> str:
    """Says why a call has no output: nobody has sent one, or the server that runs the tool gave none."""
    is_open = line.bar.runs
    if tool.answer != tool_types.OUTPUT:
        return "no output yet" if is_open else "no output"
    if line.step.facts == StepStatus.COMPLETED:
        return "sent, but not given back by the server"
    return "not sent yet" if is_open else "never sent"


@register.simple_tag
def child_url(call: Mapping[str, str], run: Run) -> str:
    """Returns the page of the run that a connected agent made; the search where its thread is unknown."""
    thread_id, run_id = call.get("child_thread_id"), call.get("child_run_id")
    if not thread_id:
        return with_query(reverse("go"), id=run_id, connection=run.connection.slug)
    page = address("run", thread_id, run_id) if run_id else address("thread", thread_id)
    return with_query(page, connection=run.connection.slug)
