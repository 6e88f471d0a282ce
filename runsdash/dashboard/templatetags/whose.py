"""Defines the template tag that says whose a run of the inbox is. It only formats what it is given."""

from django import template
from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.markup import markup
from runsdash.index.models import Run

from .shown import thread_link

register = template.Library()
NAME_CHARS = 40


@register.simple_tag
def whose_cell(run: Run, customer: str, names_customers: bool) -> SafeString:
    """Renders a cell with the customer, or with the thread where no connection names its customers."""
    if customer:
        return markup('<td class="p2" data-customer>{}</td>', cut(visible(customer), NAME_CHARS))
    return markup('<td class="p2">{}</td>', "—" if names_customers else thread_link(run.thread))
