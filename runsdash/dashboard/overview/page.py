"""Gathers what the overview shows, as far as a template needs it. The page and its poll share it."""

from collections.abc import Sequence
from functools import cached_property

from django.utils import timezone

from runsdash.dashboard.runs.rows import assistant_names, complete_rows, narrowed
from runsdash.dashboard.shell.poll_tags import rows_state, state_tag
from runsdash.index import run_states
from runsdash.index.models import Connection, Run
from runsdash.index.search.run_filter import Clause
from runsdash.index.totals import right_now
from runsdash.index.totals.hour_spans import hour_of
from runsdash.index.totals.overview_totals import Cause, Figures
from runsdash.service.statuses import RunStatus, run_status

from .time_range import TimeRange
from .usage import OverviewUsage, Row

MAX_WAITING, MAX_OVERDUE, MAX_CAUSES = 20, 10, 8
MOST_OVERDUE = 1000  # counted no further


class OverviewPage(OverviewUsage):
    """Shows the overview of a range, on one connection or all. `among`: all connections there are."""

    def __init__(
        self, time_range: TimeRange, *, connection: Connection | None, among: Sequence[Connection], by: str
    ) -> None:
        self.now = timezone.now()
        pk = connection.pk if connection else None
        figures = Figures(time_range.span, connection_id=pk, now_hour=hour_of(self.now))
        super().__init__(figures, connection=connection, among=among, by=by)
        self.range = time_range
        self.runs_now = Run.objects.of(connection)

    # Right now

    @cached_property
    def active(self) -> list[Row]:
        """Returns a cell for each active status."""
        now = right_now.active_by_status(self.connection)
        active = [status for status in RunStatus if status.is_active]
        return [self.cell(status, now[status.value], is_now=True) for status in active]

    @cached_property
    def waiting(self) -> list[Run]:
        return complete_rows(list(narrowed(self.runs_now.waiting(self.now))[:MAX_WAITING]), among=self.among)

    @cached_property
    def waiting_count(self) -> str:
        if len(self.waiting) < MAX_WAITING:
            return str(len(self.waiting))
        return at_most(right_now.waiting_count(self.connection), right_now.MOST_WAITING)

    @property
    def waiting_url(self) -> str:
        return self.list_url(Clause("is", "waiting"), is_timed=False)

    @cached_property
    def overdue(self) -> list[Run]:
        return complete_rows(list(narrowed(self.runs_now.overdue(self.now))[:MAX_OVERDUE]), among=self.among)

    @cached_property
    def overdue_count(self) -> str:
        if len(self.overdue) < MAX_OVERDUE:
            return str(len(self.overdue))
        return at_most(self.runs_now.overdue(self.now).order_by()[:MOST_OVERDUE].count(), MOST_OVERDUE)

    @property
    def overdue_url(self) -> str:
        return self.list_url(Clause("is", "overdue"), is_timed=False)

    @cached_property
    def now_tag(self) -> str:
        """Makes a tag that changes with what is so right now."""
        cells = [cell["runs"] for cell in self.active]
        overdue = [run.pk for run in self.overdue]
        return state_tag(cells, rows_state([*self.waiting, *self.overdue]), overdue)

    # In the range

    @property
    def hours_to_count(self) -> int:
        """Returns of how many hours sums are still to be made: until then nothing of the range is a figure."""
        return self.figures.waiting_hours

    @cached_property
    def cells(self) -> list[Row]:
        """Returns a cell a status: active ones right now, ended ones in the range with the change before it."""
        active = {cell["status"]: cell for cell in self.active}
        return [active.get(status) or self.ended_cell(status) for status in run_states.BY_OUTCOME]

    def cell(self, status: RunStatus, runs: int | None, *, is_now: bool) -> Row:
        url = self.list_url(Clause("status", status.value), is_timed=not is_now)
        return {"status": status, "runs": runs, "url": url, "is_now": is_now}

    def ended_cell(self, status: RunStatus) -> Row:
        if self.hours_to_count:
            return self.cell(status, None, is_now=False)
        runs, before = self.figures.by_status[status.value], self.figures.by_status_before
        change = runs - before[status.value] if before else None
        is_worse = change is not None and change > 0 and status in run_states.NOT_COMPLETED
        compared = {"change": change, "is_worse": is_worse, "waits_for_prior": before is None}
        return self.cell(status, runs, is_now=False) | compared

    @property
    def runs_url(self) -> str:
        return self.list_url()

    @property
    def completed_share(self) -> str:
        by_status = self.figures.by_status
        finished = 0 if self.hours_to_count else sum(by_status[status] for status in run_states.ENDED)
        return f"{100 * by_status[run_states.COMPLETED] / finished:.1f} %" if finished else ""

    @property
    def completed(self) -> int:
        return self.figures.by_status[run_states.COMPLETED]

    @property
    def completed_url(self) -> str:
        return self.list_url(Clause("status", run_states.COMPLETED))

    @property
    def not_completed(self) -> int:
        return self.figures.by_cause.total()

    @property
    def not_completed_url(self) -> str:
        return self.list_url(
            *(Clause("status", status) for status in sorted({one for one, _ in self.figures.by_cause}))
        )

    @cached_property
    def causes(self) -> list[Row]:
        causes = self.figures.causes(MAX_CAUSES)
        names = names_of({one.mostly for one in causes if one.mostly})
        most = causes[0].runs if causes else 1
        return [
            {
                "cause": one,
                "facts": run_status(one.status),
                "mostly": names.get(one.mostly, ""),
                "share": f"{100 * one.runs / most:.1f}%",
                "url": self.list_url(Clause("status", one.status), error_clause(one)),
            }
            for one in causes
        ]

    @cached_property
    def is_empty(self) -> bool:
        """Tells whether there is no run at all, in any range."""
        return not self.figures.runs and not self.runs_now.exists()


def error_clause(cause: Cause) -> Clause:
    return Clause("error", cause.code) if cause.code else Clause("has", "error", is_negated=True)


def at_most(count: int, most: int) -> str:
    return f"{most:,}+" if count >= most else f"{count:,}"


def names_of(assistants: set[tuple[int, str]]) -> dict[tuple[int, str], str]:
    return assistant_names([Run(connection_id=connection_id, assistant_id=one) for connection_id, one in assistants])
