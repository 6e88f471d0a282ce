"""Markdown: what it makes of honest text, and that nothing hostile survives."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runsdash.dashboard.rendering.markdown import markdown
from tests.pages import parsed

ALLOWED = {
    "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
MARK = "【4:0†source】"
SNIPPETS = [
    "<script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](data:text/html;base64,PHN2Zz4=)",
    "![a](data:image/png;base64,AAAA)",
    "![a](http://evil.example/x.png)",
    "<http://ok.example>",
    "[a](//evil.example)",
    "[a](/accounts/logout/)",
    "[a](/files/x/)",
    "[a]: javascript:alert(1)",
    "{{ settings.SECRET_KEY }}",
    "{% load static %}",
    "&lt;b&gt;",
    "&#60;script&#62;",
    "\u202e",
    "\u2066",
    "\x00",
    "\ud800",
    "&#x202e;",
    "\ue0000\ue001",
    "```html\n<b>\n```",
    "`",
    "| a |\n|--:|\n| <b> |",
    "[x](sandbox:/mnt/data/a.csv)",
    "<!-- -->",
    "<style>*{}</style>",
    "> ",
    "- ",
    "**",
    "\n\n",
    '[a](http://x.example "onmouseover=alert(1) x=")',
    '[a](http://x.example/"onmouseover=alert(1))',
    MARK,
]
ANNOTATIONS = st.lists(
    st.one_of(
        st.none(),
        st.integers(),
        st.fixed_dictionaries(
            {
                "type": st.text(max_size=5),
                "text": st.one_of(st.sampled_from([MARK, "sandbox:/mnt/data/a.csv", "<b>", ""]), st.integers()),
                "start_index": st.one_of(st.integers(-5, 40), st.text(max_size=2), st.booleans()),
                "end_index": st.one_of(st.integers(-5, 40), st.none()),
                "file_id": st.sampled_from([None, '"><script>', "../x", "", 3, "file-1"]),
                "url": st.sampled_from([None, "javascript:alert(1)", 'https://x.example/"><b>', "http://[x", 3]),
                "title": st.sampled_from([None, "<svg>", 3, "\u202e"]),
            }
        ),
    ),
    max_size=6,
)


def check_harmless(html: str) -> None:
    html.encode("utf-8")
    for element in parsed(html).all():
        assert element.tag in ALLOWED, element.tag
        assert set(element.attributes) <= {
            "href", "title", "rel", "class", "start", "role", "tabindex", "aria-label", "scope", "dir",
        }, element.attributes  # fmt: skip
        href = element.get("href")
        assert href is None or href.startswith(("http://", "https://", "mailto:", "/files/")), href
        if href is not None:
            assert element["rel"] == "noopener noreferrer nofollow"
    assert not set(html) & {chr(n) for n in (0, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=20)), max_size=12).map("".join),
    ANNOTATIONS,
)
@example("".join(SNIPPETS), [])
@example("\n".join(SNIPPETS), [])
def test_nothing_hostile_survives(text, annotations):
    check_harmless(markdown(text, annotations, "default"))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_each_hostile_snippet_alone(snippet):
    check_harmless(markdown(snippet))


def test_relative_links_of_the_text_are_no_links():
    page = parsed(markdown("[out](/accounts/logout/) [f](/files/x/) [p](//evil.example) [j](javascript:alert(1))"))
    assert page.all("a") == []
    assert "/accounts/logout/" in page.text


def test_images_become_links():
    page = parsed(markdown("![a cat](https://pics.example/cat.png)"))
    assert page.all("img") == []
    assert page.one("a")["href"] == "https://pics.example/cat.png"
    assert page.one("a").text == "[image: a cat]"


def test_headings_tables_and_code():
    page = parsed(markdown("# One\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```python\nimport x\n```"))
    assert page.one("h3").text == "One"
    assert page.one("div", class_="scroll")["tabindex"] == "0"
    assert [cell.classes for cell in page.all("td")] == [set(), {"num"}]
    assert page.one("pre").one("span", class_="k").text == "import"


def test_citations_link_to_files_by_number():
    text = f"Seven left {MARK}, eight {MARK} and `{MARK}`."
    note = {"type": "file_citation", "text": MARK, "start_index": 11, "end_index": 11 + len(MARK)}
    notes = [
        {**note, "file_id": "file-a2"},
        {**note, "start_index": 0, "file_id": "file-b"},
    ]
    page = parsed(markdown(text, notes, "default"))
    marks = [sup.one("a") for sup in page.all("sup")]
    assert [(mark.text, mark["href"]) for mark in marks] == [
        ("[1]", "/files/file-a2/?connection=default"),
        ("[2]", "/files/file-b/?connection=default"),
    ]
    assert page.one("code").text == MARK
    assert [chip.text for chip in page.one("div", class_="files").all("a")] == ["[1] file-a2", "[2] file-b"]


def test_a_path_of_the_code_interpreter_links_to_its_file():
    note = {"type": "file_path", "text": "sandbox:/mnt/data/a.csv", "file_id": "file-9"}
    page = parsed(markdown("[the table](sandbox:/mnt/data/a.csv) [other](sandbox:/etc/passwd)", [note]))
    links = page.one("div", class_="md").all("a")
    assert [(link.text, link["href"]) for link in links] == [("the table", "/files/file-9/")]


def test_web_citation():
    note = {"text": "[x]", "url": "https://news.example/1", "title": "News"}
    page = parsed(markdown("It rained [x].", [note]))
    assert page.one("sup").one("a")["href"] == "https://news.example/1"


NAMELESS = "a source that the server does not name"


@pytest.mark.parametrize(
    ("note", "label"),
    [
        ({"url": "doc_0", "title": "Leave policy"}, "Leave policy"),
        ({"url": "doc_0"}, "doc_0"),
        ({"url": "mcp://docs/7", "title": 7}, "mcp://docs/7"),
        ({"type": "file_citation", "quote": "Four weeks."}, "Four weeks."),
        ({"type": "url_citation"}, NAMELESS),
    ],
)
def test_a_source_without_a_web_address_is_named_without_a_link(note, label):
    page = parsed(markdown(f"Four weeks{MARK}.", [note | {"text": MARK}]))
    assert page.one("div", class_="md").text == "Four weeks[1]."
    assert page.one("sup")["title"] == label
    assert page.one("div", class_="files").one("span", class_="chip").text == f"[1] {label}"
    assert page.all("a") == []


@pytest.mark.parametrize("shift", [0, 1, len(MARK), 40])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_identical_marks_keep_their_own_sources(order, shift):
    """Indexes may be counted in other units, and the list may be in any order: the text's order is right."""
    text = f"One{MARK} two{MARK} three{MARK}"
    starts = [at for at in range(len(text)) if text.startswith(MARK, at)]
    notes = [{"text": MARK, "start_index": starts[at] + shift, "url": f"https://s.example/{at}"} for at in order]
    notes = [note | {"end_index": note["start_index"] + len(MARK)} for note in notes]
    links = [sup.one("a")["href"] for sup in parsed(markdown(text, notes)).all("sup")]
    assert links == [f"https://s.example/{at}" for at in range(3)]


def test_deceiving_characters_are_written_out():
    assert "[U+202E]" in markdown("a\u202eb&#x202e;c\x1b[0m")
    assert "\ufffd" in markdown("a\ud800b\x00c")


@pytest.mark.parametrize("text", [">" * 65000, "x" * 70000])
def test_what_cannot_be_marked_up_is_shown_whole(text):
    assert parsed(markdown(text)).one("pre").text.count(text[:1]) == text.count(text[:1])


@pytest.mark.clock
@pytest.mark.parametrize("part", ["[", "[a](", "*a ", "`a", "![[", "_a*b~~", "&", "[a](<b", "|a"])
def test_a_crafted_text_takes_little_time(part):
    started = time.monotonic()
    markdown((part * 65536)[:65536])
    assert time.monotonic() - started < 5
