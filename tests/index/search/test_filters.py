"""The filter language: text to clauses and back, errors that name the clause and its place, values with units."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from runsdash.index.fulltext.words import words_of
from runsdash.index.search.filter_names import COMPARISONS
from runsdash.index.search.filter_values import count_of, dollars_of, moment_of, seconds_of
from runsdash.index.search.run_filter import (
    METADATA,
    RUNS,
    TEXT,
    THREAD_METADATA,
    Clause,
    FilterError,
    RunFilter,
    parsed,
)
from runsdash.service.statuses import RunStatus


@pytest.mark.parametrize(
    "text",
    [
        "", "status:failed", "status:failed -status:expired model:gpt-4o", 'model:"two words" since:7d',
        "INV-2026-11873", "foo@bar.com", '"free text" -"not this" word', "created>-7d created<=2026-11-07",
        "duration:10s..2m tokens:1k.. cost:..$0.25 queue>=90 steps<5", "metadata.env=prod -metadata.team=a:b",
        'metadata."two words"="and \\"quotes\\""', "has:tool_calls is:active", "cost:unknown", "thread:-x",
    ],
)  # fmt: skip
def test_text_comes_back_as_it_was(text: str) -> None:
    assert str(parsed(text)) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [("  status=failed   a ", "status:failed a"), ("metadata.env:prod", "metadata.env=prod"), ("a a", "a"),
     ('"word"', "word"), ("Status:failed Metadata.Team=x Error:", "status:failed metadata.Team=x \"Error:\""), ('model:"gpt-4o"', "model:gpt-4o")],
)  # fmt: skip
def test_one_way_to_write_it(text: str, same: str) -> None:
    assert str(parsed(text)) == same


@pytest.mark.parametrize(
    ("text", "clause", "position", "word"),
    [
        ("status:failed colour:red", "colour:red", 14, "colour:"),
        ("status:done", "status:done", 0, "done"),
        ("a  -model:", "-model:", 3, "model:"),
        ("since:someday", "since:someday", 0, "since:24h"),
        ("until:2026-13-45", "until:2026-13-45", 0, "2026-13-45"),
        ("created:..", "created:..", 0, "time"),
        ("duration>fast", "duration>fast", 0, "10s"),
        ("tokens:1k..x", "tokens:1k..x", 0, "number"),
        ("status>failed", "status>failed", 0, "order"),
        ("a metadata.=x", "metadata.=x", 2, "KEY"),
        ("metadata.team>night", "metadata.team>night", 0, "metadata.KEY=VALUE"),
        ("since<7d", "since<7d", 0, "since:7d"),
        ("a until>=2026-11-12", "until>=2026-11-12", 2, "until:2026-11-12"),
        ("tokens:5..1", "tokens:5..1", 0, "before it begins"),
        ("created:2026-11-12..2026-11-10", "created:2026-11-12..2026-11-10", 0, "before it begins"),
        ("--status:failed", "--status:failed", 0, "quotes"),
        ("thread.metadata.>1", "thread.metadata.>1", 0, "thread.metadata.KEY=VALUE"),
        ("has:money", "has:money", 0, "has:tool_calls"),
        ('a "b c', '"b', 2, "quotation mark"),
        ('model:"a"b', 'model:"a"b', 0, "quotation mark"),
        ('x "?!"', '"?!"', 2, "letter"),
        ("https://example.org", "https://example.org", 0, "quotes"),
        ("-", "-", 0, "letter"),
    ],
)
def test_an_error_names_the_clause_and_its_place(text: str, clause: str, position: int, word: str) -> None:
    with pytest.raises(FilterError) as caught:
        parsed(text)
    assert (caught.value.clause, caught.value.position) == (clause, position)
    assert word in str(caught.value)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
LISTED = st.builds(
    Clause,
    st.sampled_from([one for one in RUNS.values if one not in ("status", "note")]),
    TEXTS,
    is_negated=st.booleans(),
)
NOTED = st.builds(Clause, st.just("note"), TEXTS.filter(words_of), is_negated=st.booleans())
STATUS = st.builds(Clause, st.just("status"), st.sampled_from([one.value for one in RunStatus]))
PAIRS = st.builds(
    Clause, st.sampled_from([METADATA, THREAD_METADATA]), st.text(max_size=20), st.just("="), TEXTS, st.booleans()
)
WORDS = st.builds(Clause, st.just(TEXT), TEXTS.filter(words_of), is_negated=st.booleans())
COMPARED = st.builds(
    Clause, st.sampled_from(RUNS.amounts), st.sampled_from(["1", "2.5", "0"]), st.sampled_from([":", *COMPARISONS])
)
MARKED = st.sampled_from([Clause(name, word) for name, words in RUNS.flags.items() for word in words])


@given(st.lists(st.one_of(LISTED, NOTED, STATUS, PAIRS, WORDS, COMPARED, MARKED), max_size=6, unique=True))
def test_every_filter_can_be_written_and_read(clauses: list[Clause]) -> None:
    found = RunFilter(tuple(clauses))
    assert parsed(str(found)) == found


@given(st.text(st.sampled_from('ab:.=<>-"\\ ,1dstatumodel\n'), max_size=30))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    refusal = refusal_of(text)
    if refusal is None:
        assert parsed(str(parsed(text))) == parsed(text)
    else:
        assert text[refusal.position :].startswith(refusal.clause)


def refusal_of(text: str) -> FilterError | None:
    try:
        parsed(text)
    except FilterError as refused:
        return refused
    return None


def test_units() -> None:
    assert [seconds_of(one) for one in ("90", "10s", "2m", "1.5h", "1d", "x")] == [90, 10, 120, 5400, 86400, None]
    assert [count_of(one) for one in ("1200", "1,200", "1.2k", "3M", "-1")] == [1200, 1200, 1200, 3_000_000, None]
    assert [dollars_of(one) for one in ("$0.25", "1k", "€1")] == [0.25, 1000, None]


# Moments


def test_a_day_is_read_in_the_readers_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        assert moment_of("2026-11-23").isoformat() == "2026-11-23T00:00:00+09:00"


def seconds(text: str) -> tuple[int, int]:
    """The span of a clause in seconds since 1970, its end excluded."""
    keys = parsed(text).clauses[0].key_range
    return keys.low >> 30, keys.high >> 30


def test_what_a_time_means() -> None:
    noon = int(datetime(2026, 11, 7, 12, tzinfo=UTC).timestamp())
    day = noon - 43200
    for text, span in {
        "created:2026-11-07": (day, day + 86400),
        "created:2026-11-05..2026-11-07": (day - 2 * 86400, day + 86400),
        "created:2026-11-07T12:00:00Z": (noon, noon + 1),
        "created:2026-11-07T12:00:00Z..2026-11-07": (noon, day + 86400),
    }.items():
        assert seconds(text) == span, text
    assert (
        seconds("created>=2026-11-07")[0] == seconds("since:2026-11-07")[0] == day == seconds("created<2026-11-07")[1]
    )
    # What is later than a day is none of it, so each comparison is the opposite of another.
    assert seconds("created>2026-11-07")[0] == day + 86400
    assert seconds("created<=2026-11-07")[1] == seconds("until:2026-11-07")[1] == day + 86400
    assert seconds("created>2026-11-07T12:00:00Z")[0] == noon + 1
    assert seconds("created>=2026-11-07T12:00:00.5Z")[0] == noon + 1
    assert seconds("created<2026-11-07T12:00:00.5Z")[1] == noon + 1


def test_relative_times_count_back_from_now() -> None:
    week = timezone.now().timestamp() - 7 * 86400
    for text in ("created>-7d", "since:7d", "created>=-168h", "created>-1w"):
        assert abs(seconds(text)[0] - week) < 5, text


@pytest.mark.parametrize("text", ["created>9999-12-31", "created:..9999-12-31", "created<0001-01-01", "since:99999w"])
def test_far_times_do_no_harm(text: str) -> None:
    assert seconds(text)


# Changing a filter


def test_a_clause_is_added_and_taken_away() -> None:
    one = parsed("status:failed")
    both = one.toggled("status", "expired")
    assert str(both) == "status:failed status:expired"
    assert both.toggled("status", "expired") == one
    assert str(one.toggled("status", "failed", negated=True)) == "-status:failed"
