"""JSON trees and code: faithful, bounded, harmless."""

import json

import pytest
from django.template import Context
from hypothesis import given, settings
from hypothesis import strategies as st

from runsdash.dashboard.rendering.cache import RenderCache
from runsdash.dashboard.rendering.code import HIGHLIGHTED_CHARS, guessed_language, highlighted
from runsdash.dashboard.rendering.json_tree import MAX_DEPTH, MAX_NODES, json_tree
from runsdash.dashboard.templatetags import rendered
from tests.pages import parsed

HOSTILE = st.sampled_from(
    [
        "<script>",
        "</pre>",
        "&",
        '"',
        "{{ x }}",
        "\u202e",
        "\x00",
        "\ud800",
        "{",
        "[",
        "]",
        "}",
        ":",
        ",",
        "1",
        "\\",
        "\n",
    ]
)
LEAVES = st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=8))
TREE_TAGS = {"ul", "li", "details", "summary", "span", "pre"}


def containers(inner):
    return st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4))


def check_harmless(html: str) -> None:
    html.encode("utf-8")
    for element in parsed(html).all():
        assert element.tag in TREE_TAGS
        assert set(element.attributes) <= {"class", "open", "tabindex", "dir"}
    assert "\u202e" not in html
    assert "\x00" not in html


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(HOSTILE, st.text(max_size=8)), max_size=20).map("".join))
def test_any_text_is_harmless(text):
    check_harmless(json_tree(text))
    check_harmless(highlighted(text, "json"))
    check_harmless(highlighted(text, "python"))


@settings(max_examples=200, deadline=None)
@given(st.recursive(LEAVES, containers, max_leaves=20))
def test_any_json_is_harmless(value):
    check_harmless(json_tree(json.dumps(value)))


@pytest.mark.parametrize(
    "text",
    [
        '{"<script>alert(1)</script>": "<svg onload=alert(1)>"}',
        '["</span></ul><img src=x onerror=alert(1)>", {"a": "\\u003cscript\\u003e"}]',
        '</pre><script>alert(1)</script>{"a"',
        '{"a": "\\u202e\\ud800\\u0000"}',
        '"<b>"',
    ],
)
def test_hostile_json_is_text(text):
    check_harmless(json_tree(text))
    check_harmless(highlighted(text, "json"))


def test_shows_what_was_received():
    page = parsed(json_tree('{"a": 1.50000000000000000001, "a": [true, {"b": null}], "c": "x\\n"}'))
    assert [key.text for key in page.all("span", class_="jk")] == ["a", "a", "b", "c"]
    assert [number.text for number in page.all("span", class_="jn")] == [
        "1.50000000000000000001",
        "true",
        "null",
    ]
    assert page.one("span", class_="js").text == '"x\\n"'


def test_only_the_first_level_is_open():
    page = parsed(json_tree('{"a": {"b": {"c": 1}}}'))
    assert ["open" in one.attributes for one in page.all("details")] == [True, False]


@pytest.mark.parametrize(
    "text",
    ['{"a": 1', "", "plain words", "NaN", '{"a": NaN}', "[" * 50000, '{"a":' * 9000 + "1" + "}" * 9000],
)
def test_what_is_no_json_is_shown_as_it_is(text):
    page = parsed(json_tree(text))
    assert page.one("pre").text == " ".join(text.split())


def test_depth_and_nodes_are_bounded():
    deep = parsed(json_tree("[" * 500 + "1" + "]" * 500))
    assert len(deep.all("details")) == MAX_DEPTH - 1
    wide = parsed(json_tree(json.dumps([0] * 5000)))
    assert len(wide.all("li")) == MAX_NODES + 1
    assert wide.all("li")[-1].text == "… 3,000 more not shown"


def test_highlights_python_and_json_only():
    assert parsed(highlighted("import os\nx = 1\n")).one("span", class_="k").text == "import"
    assert parsed(highlighted('{"a": 1}')).one("span", class_="f").text == '"a"'
    assert parsed(highlighted("A plain sentence = fine.")).all() == []
    assert guessed_language('{"a": 1') == ""


def test_long_text_is_plain():
    assert parsed(highlighted("x = 1\n" * HIGHLIGHTED_CHARS, "python")).all() == []
    assert parsed(highlighted("\n \t" * 5000, "python")).all() == []


def test_a_cut_preview_says_so():
    page = parsed(rendered.code(Context(), {"text": "a" * 65536, "size": 20 * 1024 * 1024}, "python", "/whole.json"))
    assert page.one("p", class_="hint").text == (
        "Cut: first 64 KB of 20.0 MB shown. Words are found in its first 100 KB. Download the whole"
    )
    assert page.one("a")["href"] == "/whole.json"
    assert parsed(rendered.code(Context(), {"text": "a", "size": 1}, "python", "/whole.json")).all("p") == []


@pytest.mark.parametrize("preview", [None, 3, {}, {"text": None}, {"text": "x", "size": "y"}, []])
def test_odd_previews_do_not_break_a_page(preview):
    for tag in (rendered.markdown, rendered.code, rendered.json_tree):
        tag(Context(), preview)


def test_kept_texts_are_rendered_once_and_bounded():
    calls = []
    texts = RenderCache(limit_chars=10)
    for key in ("a", "a", "b", "c", "a"):
        texts.get("v1", key, render=lambda key=key: calls.append(key) or key * 4)
    assert calls == ["a", "b", "c", "a"]
    assert texts.size_chars == 8
