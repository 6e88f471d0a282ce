"""Makes the six figures at the top of the overview, each with its change and the list it leads to."""

from dataclasses import dataclass

from runsdash.dashboard.shell import formats
from runsdash.index import run_states
from runsdash.index.search.run_filter import Clause
from runsdash.index.totals.overview_totals import Figures
from runsdash.index.totals.sums import Sums

from . import changes
from .changes import NOT_COUNTED, Change
from .query import OverviewQuery

NOT_YET = Change("not yet counted")


@dataclass(frozen=True)
class OverviewFigure:
    """Holds one figure. `runs`: how many the list behind it has; None while it is not counted."""

    name: str
    label: str
    value: str
    change: Change
    url: str
    runs: int | None = None
    title: str = ""


def figures_of(query: OverviewQuery, figures: Figures, *, counted_until: str = "") -> list[OverviewFigure]:
    """Makes them. During an outage each says how far it goes, and none is compared."""
    urls = {
        "runs": query.list_url(),
        "failed": query.list_url(*query.statuses(run_states.FAILED)),
        "expired": query.list_url(*query.statuses(run_states.EXPIRED)),
        "cost": query.list_url(sort="-cost"),
        "tokens": query.list_url(sort="-tokens"),
        "took": query.list_url(*query.statuses(run_states.COMPLETED), sort="-duration"),
    }
    labels = ("Runs", "Failed", "Never answered", "Cost", "Tokens", "Took, p50 and p95")
    if figures.waiting_hours:
        return [OverviewFigure(*pair, "…", NOT_YET, urls[pair[0]]) for pair in zip(urls, labels, strict=True)]
    now, before = figures.total, figures.total_before if figures.has_before and not counted_until else None
    values = (
        (f"{now.runs:,}", now.runs), (changes.share(now.failed_share), now.failed), (f"{now.expired:,}", now.expired),
        (formats.costs_text(now.cost) if now.cost or not now.unpriced_runs else formats.UNKNOWN, now.runs),
        (formats.short_count_text(now.total_tokens), now.runs), (times_text(now), now.completed),
    )  # fmt: skip
    titles = {"cost": why_no_cost(now), "tokens": tokens_title(now)}
    return [
        OverviewFigure(name, label, value, change, urls[name], runs, titles.get(name, ""))
        for (name, label), (value, runs), change in zip(
            zip(urls, labels, strict=True), values, changes_of(now, before, counted_until), strict=True
        )
    ]


def changes_of(now: Sums, before: Sums | None, counted_until: str) -> list[Change]:
    if counted_until:
        return [Change(counted_until)] * 6
    if before is None:
        return [Change(NOT_COUNTED)] * 6
    if now.runs and not before.runs:
        return [changes.NO_RUNS] * 6
    fewest = min(now.completed, before.completed)
    return [
        changes.of_count(now.runs, before.runs),
        changes.of_share((now.failed, now.runs), (before.failed, before.runs)),
        changes.of_count(now.expired, before.expired, is_bad=True),
        changes.of_cost(now.cost, before.cost),
        changes.of_tokens(now.total_tokens, before.total_tokens),
        changes.of_seconds(now.p95, before.p95, runs=fewest, name="p95"),
    ]


def times_text(sums: Sums) -> str:
    if not sums.took:
        return formats.UNKNOWN
    return ", ".join(formats.duration_text(one) for one in sums.percentiles)


def tokens_title(sums: Sums) -> str:
    return f"{sums.total_tokens:,} tokens: {sums.prompt_tokens:,} prompt, {sums.completion_tokens:,} completion"


def why_no_cost(sums: Sums) -> str:
    """Says why runs with tokens have no cost; "" when there are none."""
    told_apart = sums.prompt_tokens + sums.completion_tokens
    if not sums.unpriced_runs:
        return ""
    if not told_apart:
        return "The server reported only totals of tokens. Prices are of prompt and completion tokens."
    if told_apart < sums.total_tokens:
        return "No price is known for the models of these runs, or not all of their tokens were reported."
    return "No price is known for the models of these runs. RUNSDASH_PRICES can set prices."


def unpriced_clauses() -> tuple[Clause, ...]:
    return Clause("has", "cost", is_negated=True), Clause("tokens", "0", ">=")
