"""Answers as parsed elements, so that tests assert on elements and not on substrings."""

from html.parser import HTMLParser

from django.http import HttpResponse

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
        inner = [child for child in self.children if isinstance(child, Element)]
        return [one for child in inner for one in (child, *child.descendants())]

    def all(self, tag: str = "", **wanted: object) -> list["Element"]:
        """Elements with a tag and attributes: `all("tr", data_status="failed")`. True: has it; class_: one of them."""
        return [one for one in self.descendants() if tag in ("", one.tag) and one.matches(wanted)]

    def one(self, tag: str = "", **wanted: object) -> "Element":
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} elements {tag} {wanted}"
        return found[0]

    def matches(self, wanted: dict[str, object]) -> bool:
        for name, value in wanted.items():
            there = self.attributes.get(name.rstrip("_").replace("_", "-"))
            if there is None or (name == "class_" and value not in self.classes):
                return False
            if name != "class_" and value is not True and there != str(value):
                return False
        return True


def run_ids(element: Element) -> list[str]:
    """The runs of a list's rows, in their order."""
    return [row["data-run-id"] for row in element.all(data_run_id=True) if row.tag in ("tr", "li")]


class Builder(HTMLParser):
    """Builds the tree and refuses what a browser would have to guess."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}> at {self.getpos()}"
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def parsed(source: HttpResponse | str) -> Element:
    """The elements of an answer, whatever its status, or of a text."""
    builder = Builder()
    builder.feed(source if isinstance(source, str) else source.content.decode())
    builder.close()
    assert builder.here is builder.root, f"<{builder.here.tag}> is never closed"
    ids = [one["id"] for one in builder.root.descendants() if "id" in one.attributes]
    assert len(ids) == len(set(ids)), f"an id is there twice: {sorted(one for one in ids if ids.count(one) > 1)[:4]}"
    return builder.root


def page_of(response: HttpResponse, *, status: int = 200) -> Element:
    """The parsed answer, after a look at its status."""
    assert response.status_code == status, f"{response.status_code}: {response.content[:400]!r}"
    return parsed(response)


def partials_of(response: HttpResponse, *, status: int = 200) -> dict[str, Element]:
    """An htmx answer's partials by their target."""
    return {one["hx-target"]: one for one in page_of(response, status=status).all("hx-partial")}
