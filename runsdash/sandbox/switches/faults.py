"""Decides which request gets which fault, by probability (`--faults`) or by order (`/_sandbox/faults`).

What a fault does is in fault_effects.py.
"""

import math
import random
import re
import threading
from dataclasses import dataclass

from runsdash.sandbox.json_objects import JsonObject
from runsdash.sandbox.protocol.errors import invalid

KINDS = frozenset(
    (
        "401", "404", "429", "500", "501", "502", "html", "hang", "truncate", "drip", "endless",
        "reset_before", "reset_after", "wrong_type", "invalid_utf8", "foreign", "delay", "error", "empty",
    )
)  # fmt: skip


@dataclass
class Fault:
    """Describes a fault; `times` None lasts until deleted. `delay_s` passes before the fault."""

    kind: str
    method: str | None = None
    pattern: re.Pattern[str] | None = None
    times: int | None = 1
    delay_s: float = 0.0
    retry_after_s: float | None = None
    interval_s: float = 0.2
    after_events: int = 3

    def matches(self, method: str, path: str) -> bool:
        if self.times == 0 or (self.method and self.method != method):
            return False
        return self.pattern is None or bool(self.pattern.search(path))


class Faults:
    """Picks faults. `spec` is for example `429:0.1,hang:0.01`: the chance of each kind for every request."""

    def __init__(self, spec: str, *, seed: int) -> None:
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.ordered: list[Fault] = []
        self.chances = read_chances(spec)

    def add(self, body: JsonObject) -> None:
        """Adds the fault that a client described."""
        known = {"match", "times", "delay_s", "kind", "retry_after_s", "interval_s", "after_events"}
        kind = str(body.get("kind"))
        if kind not in KINDS or set(body) - known:
            raise invalid(f"A fault has the fields {sorted(known)} and a kind of {sorted(KINDS)}.", param="kind")
        method, pattern = read_match(body.get("match") or "")
        rest = {name: body[name] for name in known - {"match", "kind"} if name in body}
        with self.lock:
            self.ordered.append(Fault(kind=kind, method=method, pattern=pattern, **rest))

    def clear(self) -> None:
        with self.lock:
            self.ordered.clear()

    def listed(self) -> list[JsonObject]:
        with self.lock:
            return [
                {"kind": one.kind, "times": one.times, "match": one.pattern and one.pattern.pattern}
                for one in self.ordered
            ]

    def take(self, method: str, path: str) -> Fault | None:
        """Picks the fault for this request, if any; an ordered one goes before chance."""
        with self.lock:
            for fault in self.ordered:
                if fault.matches(method, path):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
            for kind, chance in self.chances:
                if self.random.random() < chance:
                    return Fault(kind=kind)
        return None


def read_chances(spec: str) -> list[tuple[str, float]]:
    """Reads kinds and their chances; raises ValueError for an unknown kind."""
    return [read_chance(part) for part in spec.split(",") if part.strip()]


def read_chance(part: str) -> tuple[str, float]:
    kind, _, chance = part.strip().partition(":")
    if kind not in KINDS:
        raise ValueError(f"no fault of kind {kind!r}; there are {', '.join(sorted(KINDS))}")
    try:
        share = float(chance or 1)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"the chance of {kind} is a number from 0 to 1, not {chance!r}")
    return kind, share


def read_match(text: str) -> tuple[str | None, re.Pattern[str] | None]:
    """Reads `METHOD path-regex`, `path-regex` or empty for everything."""
    method, _, path = text.partition(" ")
    if method and method.isupper() and method.isalpha():
        return method, re.compile(path) if path else None
    return None, re.compile(text) if text else None
