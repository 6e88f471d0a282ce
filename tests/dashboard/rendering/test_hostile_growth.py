"""Texts made to keep a renderer busy take at most a few times as long as an honest text of the same length."""

import time
from collections.abc import Callable

import pytest

from runsdash.dashboard.compare import text_diff
from runsdash.dashboard.rendering import code, markdown
from tests.hostile import every_tenth
from tests.pages import parsed

CHARS = 64 * 1024
HONEST = (
    "## What was done\n\nThe quick brown fox jumps over **the lazy dog**, then `rests`, see [the log](https://a.example/).\n\n"
    + "| name | value | note |\n|------|------:|------|\n"
    + "| rate | `12.5` | as **agreed** |\n" * 8
    + "\n- one thing that follows\n- another, with *some* weight\n\n```json\n{\"a\": [1, 2]}\n```\n\n"
)  # fmt: skip
REPEATED = [
    "![", "![[", "[", "[[a]", "[a\n", "[](", "[a](", "[a](<b", "[a](b 'c", "![a](b", "[![a](b)](c) ", "[a]: b\n\n",
    "[a]: b\n", "[a][b]", "<![CDATA[", "<!-- a ", "<", "<a ", "<http://a> ", "<a@b.c> ", "&", "&#1", "&amp;",
    "*a ", "*_", "a*", "a**b", "**a\n", "***a", "*a**", "*a_b*~~", "_", "_a __b ", "~~a", "`a", "``a ", "\\", "\\`",
    ">", "> ", ">a\n\n", "> > a\n", "> - a\n", "- > - > a\n", "- a\n", "- a\n\n", "- - a\n",
    "1. a\n\n   b\n", "* a\n  * b\n    * c\n",
    "# a\n", "=\n", "a\n===\n", "a\n-\n", "-\n", "```\n", "    a\n", "a\n", "a  \n", "\n", " ", "\t",
    "|", "|a", "|-|\n", "a|b\n-|-\n", "|a\n|-\n", "\u202e", "\x00", "\ue0000\ue001",
]  # fmt: skip
SHAPES: dict[str, Callable[[int], str]] = {
    **{f"repeated {part!r}": lambda chars, part=part: part * (chars // len(part)) for part in REPEATED},
    "opened, then closed": lambda chars: "![" * (chars // 4) + "](b)" * (chars // 8),
    "deep, then lazy": lambda chars: "> " * (chars // 4) + "a\n" * (chars // 4),
    "growing backticks": lambda chars: "".join("`" * n + " a" for n in range(1, int((2 * chars) ** 0.5) - 2)),
    "deeper lists": lambda chars: "".join(f"{'  ' * n}- a\n" for n in range(int(chars**0.5) - 2)),
    "a wide table": lambda chars: "|a" * (chars // 5) + "|\n" + "|-" * (chars // 5) + "|\n",
    "a table of short rows": lambda chars: "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "a\n" * (chars // 2 - 250),
    "many short tables": lambda chars: ("|a" * 45 + "\n" + "|-" * 45 + "\n" + "a\n" * 45 + "\n") * (chars // 280),
    "a long table": lambda chars: "|a|b|\n|-|-|\n" + "|x|y|\n" * (chars // 6 - 2),
    "brackets on lines": lambda chars: ("[" * 40 + "\n") * (chars // 41),
}  # fmt: skip


def fastest(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the fastest of some runs, so that a busy machine does not count."""
    found = []
    for _ in range(times):
        started = time.thread_time()
        work()
        found.append(time.thread_time() - started)
    return min(found)


def rendered_s(text: str, *, times: int) -> float:
    return fastest(lambda: markdown.rendered(text, [], ""), times=times)


def honest() -> str:
    return (HONEST * (CHARS // len(HONEST)))[:CHARS]


@pytest.fixture(scope="module")
def honest_s() -> float:
    assert parsed(markdown.rendered(honest(), [], "")).all("table")
    return rendered_s(honest(), times=5)


@pytest.mark.clock
@pytest.mark.parametrize("shape", every_tenth(SHAPES))
def test_markdown_takes_at_most_three_times_as_long(shape, honest_s):
    text = shape(CHARS)
    assert CHARS // 2 <= len(text) <= CHARS
    assert rendered_s(text, times=2) < 3 * honest_s or rendered_s(text, times=5) < 3 * rendered_s(honest(), times=5)


@pytest.mark.parametrize("part", ["![", "> a\n\n", "*a "])
def test_a_text_of_too_many_marks_is_shown_whole_with_a_word_why(part):
    page = parsed(markdown.markdown(part * (60_000 // len(part))))
    assert page.one("pre").text.count(part[0]) >= 12_000
    assert page.one("p", class_="hint").text == "Shown as plain text: it has too many marks for Markdown."


def test_plain_text_of_too_many_marks_is_escaped():
    page = parsed(markdown.markdown("<script>![" * 6000))
    assert page.all("script") == []
    assert page.one("pre").text.startswith("<script>![")


@pytest.mark.parametrize("name", ["list", "table"])
def test_long_honest_texts_are_marked_up(name):
    rows = {
        "list": "- **Item one**: some words, see [a link](https://x.example/a)\n",
        "table": "| a.b.c | `12.5` | some **bold** words | 1 |\n",
    }
    text = "| a | b | c | d |\n|---|--|--|--|\n" if name == "table" else ""
    page = parsed(markdown.markdown(text + rows[name] * (CHARS // len(rows[name]) - 2)))
    assert len(page.all("strong")) > 1000
    assert page.all("p", class_="hint") == []


@pytest.mark.clock
@pytest.mark.parametrize("part", ["\\N{", "'\\N{", "\\N{ a ", " ", "\n", "\\\n", "'", "f'{", "@a.", "import a.", "({"])
@pytest.mark.parametrize("start", ["", "'''", "x = "])
@pytest.mark.long
def test_highlighting_grows_with_the_length(part, start):
    def seconds(chars: int) -> float:
        text = start + part * ((chars - len(start)) // len(part))
        return fastest(lambda: code.spans(text, "python") if not code.is_slow(text) else None)

    assert seconds(code.HIGHLIGHTED_CHARS) < 8 * seconds(code.HIGHLIGHTED_CHARS // 4) + 0.05


REPEATING = {
    "commas": ("a," * 1499, "a;" * 1499),
    "two words": ("a b " * 700, "b a " * 700),
    "lines": ("a b\nb a\n" * 1499, "b a\na b\nc\n" * 999),
    "one word": ("a " * 1499, "a " * 1400),
}


@pytest.mark.parametrize(("a", "b"), REPEATING.values(), ids=REPEATING)
@pytest.mark.timeout(60)
def test_a_difference_of_repeating_texts_stops_to_align(a, b):
    started = time.thread_time()
    pieces = text_diff.text_pieces(a, b)
    assert time.thread_time() - started < 5
    assert "".join(one.text for one in pieces if one.kind != "added") == a
    assert "".join(one.text for one in pieces if one.kind != "removed") == b
