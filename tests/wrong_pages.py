"""A list in memory, given page by page in all the wrong ways of servers, alone and combined."""

from dataclasses import dataclass, field
from typing import Literal

from hypothesis import strategies as st

NOW = 1_795_000_000


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How a server pages. `after`: what it does with the cursor. `says`: its `has_more`. `cap`: its own longest page.

    `old_ties_first`: in a newest-first list, what shares a second stays oldest first.
    `repeats`: each page begins with an item that was given before. `grows`: how many items arrive after each page.
    """

    after: Literal["kept", "inclusive", "ignored"] = "kept"
    says: Literal["truly", "true", "false", "nothing"] = "truly"
    loses_ties: bool = False
    cap: int | None = None
    repeats: bool = False
    old_ties_first: bool = False
    grows: tuple[int, ...] = ()

    @property
    def hides_its_end(self) -> bool:
        """Tells whether nothing that it gives shows that there is more: nobody can know, and the walk says whole.

        A server with pages of its own length that says there is no more, or has no paging, or also loses ties; or that
        gives the cursor's own item alone again.
        """
        is_silent = self.says == "false" or (self.says == "nothing" and self.after == "ignored")
        return self.cap is not None and (
            is_silent or self.loses_ties or (self.cap <= 1 + self.repeats and self.after != "kept")
        )


@dataclass
class Server:
    """Holds the items of a list, oldest first: ids and seconds. `given`: all that went out, `calls`: requests."""

    seconds: list[int]
    ways: Ways
    fields: dict = field(default_factory=dict)  # of every item, beside its id and second
    items: list[tuple[str, int]] = field(init=False)
    given: list[str] = field(default_factory=list)
    calls: int = 0
    most: int = 1000  # more calls are a walk without an end

    def __post_init__(self) -> None:
        self.items = [(f"item_{at:03}", NOW + second) for at, second in enumerate(sorted(self.seconds))]

    @property
    def ids(self) -> list[str]:
        return [one for one, _ in self.items]

    def page(self, *, after: str | None, limit: int, order: str) -> dict:
        in_order = self.items if order == "asc" else self.items[::-1]
        if self.ways.old_ties_first and order == "desc":
            in_order = sorted(self.items, key=lambda one: -one[1])
        rest = self.beyond(in_order, after)
        size = min(limit, self.ways.cap or limit)
        if self.ways.repeats and self.given and rest and size > 1:
            rest = [one for one in self.items if one[0] == self.given[0]] + rest
        shown = rest[:size]
        answer = {"data": [{"id": one, "created_at": at, **self.fields} for one, at in shown]}
        if self.ways.says != "nothing":
            answer["has_more"] = len(rest) > size if self.ways.says == "truly" else self.ways.says == "true"
        self.given += [one for one, _ in shown]
        for _ in range(self.ways.grows[self.calls] if self.calls < len(self.ways.grows) else 0):
            self.items.append((f"item_{len(self.items):03}", max([NOW, *(at for _, at in self.items)])))
        self.calls += 1
        assert self.calls <= self.most
        return answer

    def beyond(self, in_order: list[tuple[str, int]], after: str | None) -> list[tuple[str, int]]:
        place = next((at for at, (one, _) in enumerate(in_order) if one == after), None)
        if place is None or self.ways.after == "ignored":
            return in_order
        if self.ways.loses_ties:
            newest_first = in_order[0][1] > in_order[-1][1]
            second = in_order[place][1]
            behind = [one for one in in_order if (one[1] < second if newest_first else one[1] > second)]
            return behind if self.ways.after == "kept" else [in_order[place], *behind]
        return in_order[place + (self.ways.after == "kept") :]


def all_ways() -> st.SearchStrategy[Ways]:
    return st.builds(
        Ways,
        after=st.sampled_from(["kept", "inclusive", "ignored"]),
        says=st.sampled_from(["truly", "true", "false", "nothing"]),
        loses_ties=st.booleans(),
        cap=st.none() | st.integers(1, 4),
        repeats=st.booleans(),
        old_ties_first=st.booleans(),
        grows=st.lists(st.integers(0, 3), max_size=4).map(tuple),
    )


SECONDS = st.lists(st.integers(0, 6), max_size=24)
LIMITS = st.integers(1, 6)
ORDERS = st.sampled_from(["asc", "desc"])
