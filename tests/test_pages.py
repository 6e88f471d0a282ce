"""The reader of pages that tests assert with: what it takes for an element, and what it refuses."""

import pytest

from tests.pages import parsed


def test_elements_attributes_and_texts_are_read_as_a_browser_does():
    page = parsed(
        """<!doctype html><!-- <p> --><P Class="a b" data-x='1 > 0 & "2"' hidden title=&lt;b&gt;>one<br>two &amp;
        &#x1F600;<svg/><span id="s" value="">&lt;i&gt;</span></P>"""
    )
    (one,) = page.all("p")
    assert one.attributes == {"class": "a b", "data-x": '1 > 0 & "2"', "hidden": "", "title": "<b>"}
    assert one.text == "onetwo & 😀<i>"
    assert [element.tag for element in one.descendants()] == ["br", "svg", "span"]
    assert page.one("span", id="s", value="").parent is one
    assert page.all("p", class_="b", hidden=True) == [one]
    assert not page.all("p", class_="a b") + page.all("p", class_="c") + page.all("span", hidden=True)


@pytest.mark.parametrize(
    "source",
    [
        "<p>one", "one</p>", "<p><b>one</p></b>", "<p>1 < 2</p>", '<p title="a" title="b">one</p>', '<p title="a>one</p>',
        '<p title="a"b">one</p>', '<p id="a"><b id="a"></b></p>', "<!-- one", "<p <b>one</b></p>",
    ],
)  # fmt: skip
def test_what_a_browser_would_have_to_guess_is_refused(source):
    with pytest.raises(AssertionError):
        parsed(source)
