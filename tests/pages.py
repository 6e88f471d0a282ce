"""Answers as parsed elements, so that tests assert on elements and not on substrings."""

import functools
import re
from html import unescape

from django.http import HttpResponse

# A comment, the doctype, an end tag or a start tag. Faster than a parser that forgives, which no page of ours needs.
TAG = re.compile(
    r"""<(?:!--.*?--|!doctype[^>]*|/(?P<closed>[a-z][\w-]*)\s*|(?P<opened>[a-z][\w-]*)"""
    r"""(?P<attributes>(?:\s+[^\s=<>"'/]+(?:=(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*)\s*(?P<ended>/?))>""",
    re.IGNORECASE | re.DOTALL,
)
ATTRIBUTE = re.compile(r"""([^\s=<>"'/]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Element:
    """One element. `attributes` maps names to values, "" for bare ones."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None" = None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str, default: str | None = None) -> str | None:
        return self.attributes.get(name, default)

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """All text inside, white space collapsed."""
        return " ".join("".join(self.texts()).split())

    def texts(self) -> list[str]:
        return [part for child in self.children for part in ([child] if isinstance(child, str) else child.texts())]

    def descendants(self) -> list["Element"]:
        found: list[Element] = []
        for child in self.children:
            if child.__class__ is Element:
                found.append(child)
                if child.children:
                    found += child.descendants()
        return found

    def all(self, tag: str = "", **wanted: object) -> list["Element"]:
        """Elements with a tag and attributes: `all("tr", data_status="failed")`. True: has it; class_: one of them."""
        asked = [(name.rstrip("_").replace("_", "-"), value) for name, value in wanted.items()]
        return [one for one in self.descendants() if tag in ("", one.tag) and one.matches(asked)]

    def one(self, tag: str = "", **wanted: object) -> "Element":
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} elements {tag} {wanted}"
        return found[0]

    def matches(self, wanted: list[tuple[str, object]]) -> bool:
        for name, value in wanted:
            there = self.attributes.get(name)
            if there is None or (name == "class" and value not in self.classes):
                return False
            if name != "class" and value is not True and there != str(value):
                return False
        return True


def run_ids(element: Element) -> list[str]:
    """The runs of a list's rows, in their order."""
    return [row["data-run-id"] for row in element.all(data_run_id=True) if row.tag in ("tr", "li")]


@functools.lru_cache(maxsize=50_000)  # most are those of another page, too
def attributes_of(written: str) -> dict[str, str]:
    pairs = [(name.lower(), a or b or c) for name, a, b, c in ATTRIBUTE.findall(written)]
    attributes = {name: unescape(value) if "&" in value else value for name, value in pairs}
    assert len(pairs) == len(attributes), f"an attribute is repeated: {pairs}"
    return attributes


class Builder:
    """Builds the tree and refuses what a browser would have to guess."""

    def __init__(self, source: str) -> None:
        self.root = self.here = Element("", {})
        place = 0
        for found in TAG.finditer(source):
            self.text(source[place : found.start()])
            place = found.end()
            if found["opened"]:
                self.opened(found["opened"].lower(), found["attributes"], is_ended=bool(found["ended"]))
            elif found["closed"]:
                self.closed(found["closed"].lower(), place)
        self.text(source[place:])
        assert self.here is self.root, f"<{self.here.tag}> is never closed"

    def text(self, written: str) -> None:
        assert "<" not in written, f"a tag that none can read: {written[written.index('<') :][:80]}"
        if written:
            self.here.children.append(unescape(written) if "&" in written else written)

    def opened(self, tag: str, written: str, *, is_ended: bool) -> None:
        element = Element(tag, attributes_of(written), self.here)
        self.here.children.append(element)
        if tag not in VOID and not is_ended:
            self.here = element

    def closed(self, tag: str, place: int) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}> at {place}"
        self.here = self.here.parent


def parsed(source: HttpResponse | str) -> Element:
    """The elements of an answer, whatever its status, or of a text."""
    root = Builder(source if isinstance(source, str) else source.content.decode()).root
    ids = [one.attributes["id"] for one in root.descendants() if "id" in one.attributes]
    assert len(ids) == len(set(ids)), f"an id is there twice: {sorted(one for one in ids if ids.count(one) > 1)[:4]}"
    return root


def page_of(response: HttpResponse, *, status: int = 200) -> Element:
    """The parsed answer, after a look at its status."""
    assert response.status_code == status, f"{response.status_code}: {response.content[:400]!r}"
    return parsed(response)


def partials_of(response: HttpResponse, *, status: int = 200) -> dict[str, Element]:
    """An htmx answer's partials by their target."""
    return {one["hx-target"]: one for one in page_of(response, status=status).all("hx-partial")}
