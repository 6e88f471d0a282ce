"""How values look: durations, ages, sizes, counts, short ids."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.text import Truncator

from runsdash.dashboard.shell import formats


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0, "0 s"),
        (46.8, "46 s"),
        (124, "2 m 04 s"),
        (3720, "1 h 02 m"),
        (273_600, "3 d 04 h"),
        (-5, "0 s"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert formats.duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(6, "6 s ago"), (1500, "25 min ago"), (7300, "2 h ago"), (200_000, "2 d ago"), (-200, "in 3 min")],
)
def test_ages(seconds: float, text: str) -> None:
    now = timezone.now()
    assert formats.age_text(now - timedelta(seconds=seconds), now=now) == text


def test_old_is_a_date() -> None:
    words = formats.age_text(timezone.now() - timedelta(days=90))
    assert formats.is_date(words)


def test_a_time_of_another_day_names_the_day() -> None:
    now = timezone.localtime().replace(hour=12)
    assert formats.clock_text(now.replace(minute=2)) == "12:02"
    earlier = now - timedelta(days=3)
    assert formats.clock_text(earlier, seconds=True).startswith(f"{earlier:%-d %b}")
    assert str(now.year - 1) in formats.clock_text(now.replace(year=now.year - 1, day=1))


@pytest.mark.parametrize(
    ("left", "text"), [(510, "8:30"), (59.9, "0:59"), (3723, "1:02:03"), (0.4, "expired"), (-9, "expired")]
)
def test_countdowns(left: float, text: str) -> None:
    assert formats.countdown_text(left) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, "—"), (1, "1 byte"), (212, "212 bytes"), (9420, "9.2 KB"), (1_468_006, "1.4 MB")]
)
def test_sizes(number: int | None, text: str) -> None:
    assert formats.size_text(number) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("run_3zZWjCB4Te68dMT54M0WdK39", "run_3zZW…dK39"),
        ("3fa85f64-5717-4562-b3fc-2c963f66afa6", "3fa8…afa6"),
        ("run_1", "run_1"),
        ("a_very_long_made_up_identifier", "a_very…fier"),
        ("", ""),
    ],
)
def test_short_ids(given: str, text: str) -> None:
    assert formats.short_id_text(given) == text


def test_counts() -> None:
    assert (formats.count_text(12608), formats.count_text(None)) == ("12,608", "—")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("**Total**: see [terms](https://example.org/a_b) of `rates.csv`", "Total: see terms of rates.csv"),
        ("## Answer ### Cold chain **bold that is cut o…", "Answer Cold chain bold that is cut o…"),
        ("```json {} ``` and 2 ** 3 * 4, C# and #12, __init__, a*b", "{} and 2 ** 3 * 4, C# and #12, __init__, a*b"),
        ("[not a link] (x)", "[not a link] (x)"),
        ("plain", "plain"),
    ],
)
def test_a_preview_of_markdown_reads_as_plain_words(line: str, words: str) -> None:
    assert formats.plain_words(line) == words


def test_a_long_line_of_marks_is_read_at_once() -> None:
    for line in ("**" * 5000, "[" * 5000, "**a" * 3000, "[a](" * 3000, "# " * 5000):
        formats.plain_words(line)


# Plain, with a letter and its accent apart, with one that is written as two once it is in normal form, and marks alone.
TEXTS = [
    "plain words",
    "Größe",
    "Gro\u0308\u00dfe",
    "\u0958\u0958",
    "e\u0301" * 9,
    "\u0301\u0301a",
    "👩‍👩‍👧 family",
    "",
]


@pytest.mark.parametrize("limit", [1, 2, 5, 9, 20])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_cut_as_django_cuts_it(text: str, limit: int) -> None:
    assert formats.cut(text, limit) == Truncator(text).chars(limit)
