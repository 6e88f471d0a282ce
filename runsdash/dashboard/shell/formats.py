"""Formats values for people: durations, ages, sizes, counts, short ids. Takes and returns plain text, no HTML."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from unicodedata import normalize

from django.utils import timezone
from django.utils.text import Truncator

from runsdash.index.models import Run, RunStep
from runsdash.index.totals.dollars import dollars_text
from runsdash.service.json_types import JsonFields
from runsdash.service.objects.tool_types import tool_type

UNKNOWN = "—"
SOON_S = 120  # under two minutes a countdown turns red
ID_WORDS = 4  # letters kept of an id's start and end
NAMES_CHARS = 200
SHORT_ENOUGH = 18  # ids up to this length are shown whole
MARK = re.compile(r"[*`#\]]")
BOLD = re.compile(r"\*\*([^*\s](?:[^*]*[^*\s])?)\*\*")
# Headings, fences, and bold whose end is cut off.
OPENED = re.compile(r"(?<!\S)(?:\*\*(?=[^\s*])|#{1,6}\s+|`{3}\w*(?:\s+|$))")
LINK = re.compile(r"!?\[([^\[\]]+)\]\([^\s()]{1,2000}\)")


def duration_text(seconds: float | None) -> str:
    """Writes whole seconds: `47 s`, `2 m 04 s`, `1 h 02 m`, `3 d 04 h`; a dash when unknown."""
    if seconds is None:
        return UNKNOWN
    seconds = max(0, int(seconds))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes == 0:
        return f"{seconds} s"
    if hours == 0:
        return f"{minutes} m {seconds % 60:02d} s"
    if days == 0:
        return f"{hours} h {minutes % 60:02d} m"
    return f"{days} d {hours % 24:02d} h"


def span_text(seconds: float) -> str:
    """Writes one rounded-down unit: `6 s`, `25 min`, `3 h`, `2 d`."""
    seconds = abs(int(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def age_text(when: datetime, *, now: datetime | None = None, may_come: bool = True) -> str:
    """Writes `6 s ago`, `in 3 min`; the date when older than 60 days. What may not come is 0 s ago at least."""
    passed = (now or timezone.now()) - when
    passed = passed if may_come else max(passed, timedelta())
    if abs(passed) > timedelta(days=60):
        return f"{timezone.localtime(when):%Y-%m-%d}"
    words = span_text(passed.total_seconds())
    return f"in {words}" if passed.total_seconds() < 0 else f"{words} ago"


def is_date(words: str) -> bool:
    """Tells whether `age_text` answered with a date, which never changes."""
    return words.count("-") == 2


def clock_text(when: datetime, *, seconds: bool = False) -> str:
    """Writes the time of day in the reader's zone: `14:02`; of another day with that: `27 Nov 14:02`."""
    local, today = timezone.localtime(when), timezone.localtime()
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if local.date() == today.date():
        return clock
    return f"{local:%-d %b %Y} {clock}" if local.year != today.year else f"{local:%-d %b} {clock}"


def moment_text(when: datetime) -> str:
    """Writes a moment in the reader's time zone: `2026-11-23 14:32:02 UTC`."""
    local = timezone.localtime(when)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def countdown_text(left_s: float) -> str:
    """Writes `8:30`, `1:02:03`, or `expired`, in the shape of static/js/page.js."""
    left = int(left_s)
    if left <= 0:
        return "expired"
    hours, minutes, seconds = left // 3600, left % 3600 // 60, left % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def count_text(number: int | None) -> str:
    """Writes `12,608`; a dash when unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def short_count_text(number: float) -> str:
    """Writes `942`, `12.6 K`, `42.2 M`, `1.3 B`."""
    for unit in ("", " K", " M", " B"):
        if number < 999.95 or unit == " B":
            break
        number /= 1000
    return f"{number:.1f}{unit}" if unit else f"{number:.0f}"


def partial_tokens_text(row: Run | RunStep) -> str:
    """Writes `410 prompt; completion and total not reported`; "" when all counts are there, or none."""
    counts = {name: getattr(row, f"{name}_tokens") for name in ("prompt", "completion", "total")}
    known = [f"{count:,} {name}" for name, count in counts.items() if count is not None]
    missing = [name for name, count in counts.items() if count is None]
    return f"{', '.join(known)}; {' and '.join(missing)} not reported" if known and missing else ""


def cost_text(dollars: float | None) -> str:
    """Writes what one run cost: `$0.0361`; a dash when unknown, never zero for what cost something."""
    if dollars is None:
        return UNKNOWN
    return dollars_text(dollars, places=4)


def costs_text(dollars: float) -> str:
    """Writes what several runs cost: `$160.40`."""
    return dollars_text(dollars)


def size_text(number: float | None) -> str:
    """Writes bytes as `212 bytes`, `9.2 KB`, `1.4 MB`; a dash when unknown."""
    if number is None:
        return UNKNOWN
    if number < 1024:
        return f"{int(number)} byte{'' if number == 1 else 's'}"
    for unit in ("KB", "MB", "GB"):
        number /= 1024
        if number < 1024 or unit == "GB":
            break
    return f"{number:.1f} {unit}"


def short_id_text(upstream_id: str) -> str:
    """Keeps prefix, first four and last four letters of an id: `run_3zZW…dK39`."""
    if len(upstream_id) <= SHORT_ENOUGH:
        return upstream_id
    prefix, underscore, rest = upstream_id.partition("_")
    if not underscore or len(prefix) > 12 or len(rest) <= 2 * ID_WORDS:
        prefix, rest = "", upstream_id
    return f"{prefix}{underscore if prefix else ''}{rest[:ID_WORDS]}…{rest[-ID_WORDS:]}"


def pending_names_text(calls: Sequence[JsonFields]) -> str:
    """Writes `get_rates, search_logs on docs ×4` for pending tool calls."""
    names = Counter(pending_name(call) for call in calls)
    words = [name if count == 1 else f"{name} ×{count}" for name, count in names.items()]
    return ", ".join(words)[:NAMES_CHARS] or UNKNOWN


def pending_name(call: JsonFields) -> str:
    """Names a call, and the server of a tool that is not one of the caller's own."""
    name, server = call_name(call), call.get("server_label")
    return f"{name} on {server}" if server else name


def call_name(call: JsonFields) -> str:
    """Returns the name of a call; of one that has none but its type, the word for that."""
    type_ = str(call.get("type") or "")
    if not type_ or call.get("name") not in (None, "", type_):
        return str(call.get("name") or "call")
    return tool_type(type_).label


def plain_words(text: str) -> str:
    """Takes marks of Markdown out of a line for a list: `**Total**: see [terms](…)` is `Total: see terms`."""
    if not MARK.search(text):
        return text
    text = LINK.sub(r"\1", OPENED.sub("", BOLD.sub(r"\1", text)))
    return text.replace("`", "")


def cut(text: str, limit: int) -> str:
    """Cuts a text as Django's Truncator does, which looks at each character for those that take no room."""
    if text.isascii():
        return text if len(text) <= limit else f"{text[: limit - 1]}…"
    return normalize("NFC", text) if len(text) <= limit else Truncator(text).chars(limit)
