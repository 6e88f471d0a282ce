"""Says to what an inbox and the queue from it are narrowed: runs of one connection, runs that wait for one function."""

from collections.abc import Iterable
from dataclasses import dataclass

from runsdash.accounts.guards import UserRequest
from runsdash.dashboard.shell.formats import call_name
from runsdash.index.models import Connection
from runsdash.service.json_types import JsonFields

NAME_CHARS = 200  # as long as a call's name is kept


@dataclass(frozen=True, kw_only=True)
class QueueScope:
    """Holds both; None and "" where it is not narrowed."""

    connection: Connection | None = None
    function: str = ""

    @classmethod
    def of_request(cls, request: UserRequest) -> "QueueScope":
        """Reads `queue`, the slug of a connection, and `function`, from the address or the form."""
        slug, function = (request.POST.get(name) or request.GET.get(name) or "" for name in ("queue", "function"))
        connection = Connection.objects.filter(slug=slug[:64]).first() if slug else None
        return cls(connection=connection, function=function[:NAME_CHARS])

    @property
    def slug(self) -> str:
        return self.connection.slug if self.connection else ""

    @property
    def params(self) -> dict[str, str]:
        """Returns what an address of a run carries, so that what comes next is in the same queue."""
        return given(queue=self.slug, function=self.function)

    @property
    def inbox_params(self) -> dict[str, str]:
        """Returns what the address of the inbox carries."""
        return given(connection=self.slug, function=self.function)

    def asks_for(self, calls: Iterable[JsonFields]) -> bool:
        return not self.function or any(call_name(call) == self.function for call in calls)


EVERYTHING = QueueScope()


def given(**params: str) -> dict[str, str]:
    return {name: value for name, value in params.items() if value}
