"""Renders links that narrow a list by a value, and the cells that rows of runs and threads share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from django.utils.safestring import SafeString

from runsdash.dashboard.rendering.visible import visible
from runsdash.dashboard.shell.formats import cut
from runsdash.dashboard.shell.markup import escaped, markup
from runsdash.dashboard.shell.page_types import AsText
from runsdash.dashboard.templatetags.shown import DASH, assistant_of, icon
from runsdash.index.search.filter_names import CUSTOMER
from runsdash.index.search.listed_runs import ListedRun

from .query import ListAddress

NAME_CHARS = 40  # of an assistant or a customer


def only_links(query: ListAddress, name: str, value: str, key: str = "") -> SafeString:
    this, others = query.only(name, value, key)
    return markup(
        '<span class="only" aria-hidden="true"><a href="{}" tabindex="-1" title="Only this">=</a>'
        '<a href="{}" tabindex="-1" title="Not this">≠</a></span>',
        this,
        others,
    )


@dataclass(frozen=True)
class SharedCells:
    """Makes cells of the rows of one page: of runs, or of threads and their last runs. One of each value is made."""

    query: ListAddress
    made: dict[tuple[str, ...], SafeString] = field(default_factory=dict, kw_only=True)

    def once(self, key: tuple[str, ...], make: Callable[[], SafeString]) -> SafeString:
        """Makes a cell once for all rows with the same value."""
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = make()
        return found

    def cell(self, classes: str, content: AsText, name: str = "", value: str = "", key: str = "") -> SafeString:
        """Offers to list only rows with this value, or those without it. Keys and touch have the row's menu."""
        filters = only_links(self.query, name, value, key) if value else ""
        return markup('<td class="{}">{}{}</td>', classes, content, filters)

    def status(self, run: ListedRun) -> SafeString:
        def cell() -> SafeString:
            facts = run.facts
            pattern = '<span class="status" data-status="{}">{}<span>{}</span></span>'
            shown = markup(pattern, run.status, icon(facts.icon), facts.label)
            return self.cell("c-state", shown, "status", run.status)

        return self.once(("status", run.status), cell)

    def customer(self, name: str, classes: str) -> SafeString:
        shown = short_name(name) if name else DASH
        return self.once(("customer", name), partial(self.cell, classes, shown, CUSTOMER, name))

    def assistant(self, run: ListedRun, classes: str) -> SafeString:
        def cell() -> SafeString:
            return self.cell(classes, assistant_of(run), "assistant", run.assistant_id)

        owner = run.connection.slug if run.shares_assistant else ""
        return self.once(("assistant", run.assistant_id, run.assistant_name, owner), cell)


def short_name(name: str) -> SafeString:
    return escaped(visible(cut(name, NAME_CHARS)))


def label_tags(names: Sequence[str], query: ListAddress) -> SafeString:
    """Shows labels; each narrows the list to its own."""
    tags = [markup('<a class="tag" href="{}">{}</a>', query.only("label", name)[0], visible(name)) for name in names]
    return markup('<span class="tags">{}</span>', SafeString("".join(tags))) if tags else DASH
