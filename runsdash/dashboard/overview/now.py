"""Says what is so right now: active runs by status, those that need an answer, those that are overdue."""

from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse

from runsdash.dashboard.shell.page_types import Context, TagPart
from runsdash.dashboard.shell.poll_tags import state_tag
from runsdash.index import run_states
from runsdash.index.models import Connection
from runsdash.index.totals import right_now
from runsdash.service.statuses import RunStatus


class NowLine:
    """Counts when asked. `connection`: None for all of them."""

    def __init__(self, connection: Connection | None, *, now: datetime) -> None:
        self.connection, self.at = connection, now

    @cached_property
    def counted(self) -> right_now.RightNow:
        return right_now.right_now(self.connection, now=self.at)

    @property
    def active(self) -> list[Context]:
        """Returns a cell for each active status that runs have, but for those that wait."""
        counts = self.counted.by_status
        statuses = [one for one in run_states.BY_OUTCOME if one.is_active and one.value != run_states.WAITING]
        return [
            {"status": one, "runs": counts[one.value], "url": self.url(f"status:{one.value}")}
            for one in statuses
            if counts[one.value]
        ]

    @property
    def waiting(self) -> RunStatus:
        return RunStatus.REQUIRES_ACTION

    @property
    def soonest(self) -> datetime | None:
        """Returns when the first run that waits for an answer expires."""
        return self.counted.soonest

    @property
    def overdue(self) -> int:
        return self.counted.overdue

    @property
    def overdue_url(self) -> str:
        return self.url("is:overdue")

    @property
    def inbox_url(self) -> str:
        return f"{reverse('needs_action')}{self.carried('?')}"

    def url(self, text: str) -> str:
        return f"{reverse('runs')}?{urlencode({'q': text})}{self.carried('&')}"

    def carried(self, sign: str) -> str:
        return f"{sign}{urlencode({'connection': self.connection.slug})}" if self.connection else ""

    @property
    def was_waiting(self) -> int:
        """Counts the runs that needed an answer by the last look, whether they can still be answered or not."""
        return self.counted.by_status[run_states.WAITING]

    def tag(self, *more: TagPart) -> str:
        """Makes a tag that changes with what is so right now, and with `more`."""
        return state_tag(self.counted, *more)
