"""Reads the scripted commands in a message: `/tool`, `/code 6*7`, `/slow 20` and the like."""

import re
from dataclasses import dataclass

NAMES = (
    "tools", "tool", "approve", "mcp", "hosted", "agent", "computer", "code", "plot", "search", "long", "slow", "fail",
    "incomplete",
)  # fmt: skip
COMMAND = re.compile(r"(?<!\S)/(" + "|".join(NAMES) + r")(?![\w/])")
LONG_WORDS, LONG_WORDS_MAX = 200, 20_000
SLOW_S, SLOW_S_MAX = 10.0, 86_400.0


@dataclass(frozen=True)
class Command:
    """Holds one command; `rest` is what follows it, up to the next command or line."""

    name: str
    rest: str

    @property
    def word(self) -> str:
        """Returns the first word of the rest, or the empty string."""
        return self.rest.split()[0] if self.rest.split() else ""

    def amount(self, *, otherwise: float, most: float) -> float:
        """Returns the number the command was given, within 0..`most`."""
        try:
            return max(0.0, min(float(self.word), most))
        except ValueError:
            return otherwise


def read(text: str) -> list[Command]:
    """Reads the commands of `text` in order."""
    found = list(COMMAND.finditer(text))
    starts = [match.start() for match in found] + [len(text)]
    return [
        Command(match.group(1), text[match.end() : starts[at + 1]].split("\n")[0].strip())
        for at, match in enumerate(found)
    ]
