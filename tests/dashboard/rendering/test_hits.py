"""Marks around what was looked for: the right words, no change of tags, and hostile text stays text."""

import html
import re

import pytest
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from runsdash.dashboard.rendering.hits import MAX_MARKS, TAG, marked
from runsdash.dashboard.rendering.json_tree import json_tree
from runsdash.dashboard.rendering.markdown import markdown
from tests.dashboard.rendering.test_hostile_growth import fastest

MARK = re.compile("</?mark>")


def marks(rendered: str, hit: str) -> list[str]:
    return [html.unescape(one) for one in re.findall("<mark>(.*?)</mark>", marked(rendered, hit), re.DOTALL)]


@pytest.mark.parametrize(
    ("text", "hit", "found"),
    [
        ("See INV-2026-11873 and inv/2026/11873.", "inv-2026-11873", ["INV-2026-11873", "inv/2026/11873"]),
        ("invoices and the Invoice", "invoice", ["Invoice"]),
        ("a_b foo@bar.com", '"a b" "bar com"', ["a_b", "bar.com"]),
        ("fish & chips, fish chips", '"fish chips"', ["fish & chips", "fish chips"]),
        ("東京タワー", "京タ", ["京タ"]),
        ("GDAŃSK", "gdańsk", ["GDAŃSK"]),
        ("one two three", "one three -two status:failed", ["one", "three"]),
        ("nothing here", "", []),
        ("plain words", 'plain "words', ["plain words"]),
        (r"{\"a\": \"line\nbreak\"}", "break", ["break"]),
        (r"C:\new \u00e4 x", "new", ["new"]),
        ("Große STRASSE, straße", "strasse", ["STRASSE", "straße"]),
        ("Große STRASSE", "GROSSE", ["Große"]),
        (r'"K\u00fchlkette; Stra\u00dfe"', "kühlkette straße", [r"K\u00fchlkette", r"Stra\u00dfe"]),
        ("Cafe\u0301 und Ｆｕｌｌ", "café full", ["Cafe\u0301", "Ｆｕｌｌ"]),
        ("ﬁle ﬁsh", "file", ["ﬁle"]),
    ],
)
def test_words_are_marked(text: str, hit: str, found: list[str]) -> None:
    assert marks(escape(text), hit) == found


def test_tags_and_attributes_are_left_alone() -> None:
    rendered = markdown('[href](https://example.org/href "href > class") **href** `href`')
    done = marked(rendered, "href class")
    assert TAG.findall(MARK.sub("", done)) == TAG.findall(rendered)
    assert done.count("<mark>href</mark>") == 3
    tree = json_tree('{"class": ["class", 1]}')
    assert TAG.findall(MARK.sub("", marked(tree, "class"))) == TAG.findall(tree)


@given(st.text(), st.text(st.sampled_from("<>&\"'ab;#x /"), max_size=30))
def test_taking_the_marks_away_gives_the_same_text(hit: str, text: str) -> None:
    done = marked(markdown(text), hit)
    assert html.unescape(TAG.sub("", done)) == html.unescape(TAG.sub("", markdown(text)))
    assert TAG.findall(MARK.sub("", done)) == TAG.findall(markdown(text))


def test_hostile_text_stays_text() -> None:
    done = marked(markdown("<script>alert(1)</script> &lt;mark&gt;"), "script alert mark")
    assert "<script" not in done
    assert done.count("<mark>") == 4


def test_marks_have_a_limit() -> None:
    assert marked(escape("a " * 2 * MAX_MARKS), "a").count("<mark>") == MAX_MARKS


@pytest.mark.clock
@pytest.mark.parametrize("part", [r"\n", r"\nn", r"\n n", "n ", r"\\", "東n"])
@pytest.mark.parametrize("word", ["n", "東", "東n"])
def test_marking_takes_time_in_proportion_to_text_and_phrase(part: str, word: str) -> None:
    """Lets the phrase grow word by word, so that ways that multiply with each are seen before they take minutes."""
    took: dict[int, float] = {}
    text = escape(part * 200)
    for words in range(1, 60):
        hit = f'"{" ".join([word] * words)} x"'
        took[words] = fastest(lambda hit=hit: marked(text, hit), times=2)
        assert took[words] < 0.02 or took[words] < 4 * took[words // 2], f"{words} words: {took[words]:.3f} s"


@pytest.mark.parametrize("text", [r"C:\new", r"C:\nnew", r"c\n\tnew", r"c: \new!", "c_new"])
def test_an_escape_that_could_be_a_letter_is_read_as_the_phrase_needs_it(text: str) -> None:
    assert marks(escape(text), '"c new"') == [text.rstrip("!")]
