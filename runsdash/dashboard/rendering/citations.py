"""Numbers the annotations of a message text (as index/storage/previews.py keeps them) as citations.

Annotations are hostile JSON: wrong types, indexes outside the text and overlaps end here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from runsdash.service.json_types import Json, JsonObject

from .files import file_url
from .visible import visible

MAX_CITATIONS = 200
LABEL_CHARS = 120
UNNAMED = "a source that the server does not name"


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
    """Holds what a text refers to: a file of the upstream, a web page, or what only has a name.

    `url` is one of ours or http(s), "" where there is nothing to open.
    """

    url: str
    label: str
    mark: str  # the text that stands for it, such as 【4:0†source】 or sandbox:/mnt/data/a.csv

    @property
    def is_path(self) -> bool:
        """Tells whether the text links to it by a path inside the code interpreter."""
        return self.mark.startswith("sandbox:")

    @property
    def key(self) -> str:
        """Tells it from other sources."""
        return self.url or self.label


def source_of(annotation: Json, connection_slug: str) -> CitedSource | None:
    """Returns what `annotation` refers to, or None when it names nothing and marks nothing."""
    if not isinstance(annotation, dict):
        return None
    mark, title, address, quote = (words(annotation, name) for name in ("text", "title", "url", "quote"))
    if url := file_url(annotation.get("file_id"), connection_slug):
        return CitedSource(url=url, label=label(words(annotation, "file_id")), mark=mark)
    url, named = address if is_web_url(address) else "", title or address or quote
    return CitedSource(url=url, label=label(named) or UNNAMED, mark=mark) if named or mark else None


def words(annotation: JsonObject, name: str) -> str:
    given = annotation.get(name)
    return given if isinstance(given, str) else ""


def is_web_url(url: Json) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and visible(url) == url


def label(text: str) -> str:
    return visible(" ".join(text.split()))[:LABEL_CHARS]


def sources(annotations: Sequence[Json], connection_slug: str) -> dict[str, CitedSource]:
    """Returns sources by key, in the order of their first mention; their rank is their number."""
    by_key: dict[str, CitedSource] = {}
    for annotation in annotations[:MAX_CITATIONS]:
        source = source_of(annotation, connection_slug)
        if source is not None:
            by_key.setdefault(source.key, source)
    return by_key


def paths(annotations: Sequence[Json], connection_slug: str) -> dict[str, str]:
    """Returns URLs by the `sandbox:` path that a text may link to."""
    linked = (source_of(annotation, connection_slug) for annotation in annotations[:MAX_CITATIONS])
    return {source.mark: source.url for source in linked if source and source.is_path}


def citations(text: str, annotations: Sequence[Json], connection_slug: str) -> list[Citation]:
    """Returns the marks to replace, by position and without overlaps."""
    numbers = {key: number for number, key in enumerate(sources(annotations, connection_slug), start=1)}
    by_mark: dict[str, list[tuple[Json, CitedSource]]] = {}
    for annotation in annotations[:MAX_CITATIONS]:
        source = source_of(annotation, connection_slug)
        if isinstance(annotation, dict) and source is not None and source.mark and not source.is_path:
            by_mark.setdefault(source.mark, []).append((annotation.get("start_index"), source))
    found = [
        Citation(start=place, end=place + len(mark), number=numbers[one.key], url=one.url, label=one.label)
        for mark, cited in by_mark.items()
        for place, (_, one) in zip(places_of(text, mark, [start for start, _ in cited]), cited, strict=True)
        if place is not None
    ]
    taken: list[Citation] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not taken or one.start >= taken[-1].end:
            taken.append(one)
    return taken


def places_of(text: str, mark: str, starts: Sequence[Json]) -> list[int | None]:
    """Finds for each citation with the same mark the place where it stands, given what index the server says.

    Servers count in bytes, code points or UTF-16 units, so an index may miss its mark, but their order is right.
    """
    free = [match.start() for match in islice(re.finditer(re.escape(mark), text), MAX_CITATIONS)]
    in_order = sorted(range(len(starts)), key=lambda at: start if type(start := starts[at]) is int else len(text))
    found: list[int | None] = [None] * len(starts)
    if len(free) != len(starts):
        for at in in_order:
            start = starts[at]
            if type(start) is int and start in free:
                found[at] = start
                free.remove(start)
    for at, place in zip([at for at in in_order if found[at] is None], free, strict=False):
        found[at] = place
    return found
