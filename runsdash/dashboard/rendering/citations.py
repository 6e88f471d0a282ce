"""Numbers the annotations of a message text (as index/storage/previews.py keeps them) as citations.

Annotations are hostile JSON: wrong types, indexes outside the text and overlaps end here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .files import file_url
from .visible import visible

MAX_CITATIONS = 200
LABEL_CHARS = 120


@dataclass(frozen=True, kw_only=True)
class Citation:
    """Marks a place in the text. `start` and `end` are character positions; `number` counts sources, not marks."""

    start: int
    end: int
    number: int
    url: str
    label: str


@dataclass(frozen=True, kw_only=True)
class CitedSource:
    """Holds what a text refers to: a file of the upstream or a web page. `url` is one of ours or http(s)."""

    url: str
    label: str
    mark: str  # the text that stands for it, such as 【4:0†source】 or sandbox:/mnt/data/a.csv

    @property
    def is_path(self) -> bool:
        """Tells whether the text links to it by a path inside the code interpreter."""
        return self.mark.startswith("sandbox:")


def source_of(annotation: object, connection_slug: str) -> CitedSource | None:
    """Returns what `annotation` refers to, or None when it names nothing that can be linked."""
    if not isinstance(annotation, dict):
        return None
    mark = annotation.get("text") if isinstance(annotation.get("text"), str) else ""
    if url := file_url(annotation.get("file_id"), connection_slug):
        return CitedSource(url=url, label=label(annotation["file_id"]), mark=mark)
    if is_web_url(annotation.get("url")):
        title = annotation.get("title")
        words = title if isinstance(title, str) and title else annotation["url"]
        return CitedSource(url=annotation["url"], label=label(words), mark=mark)
    return None


def is_web_url(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and visible(url) == url


def label(text: str) -> str:
    return visible(" ".join(text.split()))[:LABEL_CHARS]


def sources(annotations: Sequence[object], connection_slug: str) -> dict[str, CitedSource]:
    """Returns linkable sources by URL, in the order of their first mention; their rank is their number."""
    by_url: dict[str, CitedSource] = {}
    for annotation in annotations[:MAX_CITATIONS]:
        source = source_of(annotation, connection_slug)
        if source is not None:
            by_url.setdefault(source.url, source)
    return by_url


def paths(annotations: Sequence[object], connection_slug: str) -> dict[str, str]:
    """Returns URLs by the `sandbox:` path that a text may link to."""
    linked = (source_of(annotation, connection_slug) for annotation in annotations[:MAX_CITATIONS])
    return {source.mark: source.url for source in linked if source and source.is_path}


def citations(text: str, annotations: Sequence[object], connection_slug: str) -> list[Citation]:
    """Returns the marks to replace, by position and without overlaps."""
    numbers = {url: number for number, url in enumerate(sources(annotations, connection_slug), start=1)}
    taken: list[Citation] = []
    for annotation in annotations[:MAX_CITATIONS]:
        source = source_of(annotation, connection_slug)
        if source is None or source.is_path:
            continue
        for start, end in spans(text, annotation, source.mark):
            if all(end <= one.start or start >= one.end for one in taken):
                number = numbers[source.url]
                taken.append(Citation(start=start, end=end, number=number, url=source.url, label=source.label))
                break
    return sorted(taken, key=lambda one: one.start)


def spans(text: str, annotation: dict, mark: str) -> Iterator[tuple[int, int]]:
    """Finds the mark where the indexes say, if it is there, else wherever it stands.

    Servers count in bytes, code points or UTF-16 units, so the indexes alone are not believed.
    """
    start, end = annotation.get("start_index"), annotation.get("end_index")
    if mark and type(start) is int and type(end) is int and 0 <= start < end and text[start:end] == mark:
        yield start, end
    position = text.find(mark) if mark else -1
    for _ in range(MAX_CITATIONS):
        if position < 0:
            return
        yield position, position + len(mark)
        position = text.find(mark, position + len(mark))
