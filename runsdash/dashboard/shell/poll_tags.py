"""Answers polls by tags of what a page shows: a tag differs when that differs. Reads rows, runs no query."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render

from runsdash.dashboard.shell.page_types import AnyRun, Context, TagPart
from runsdash.index.run_columns import LISTED
from runsdash.index.storage.keyset import LARGEST

# What a row shows and may change while someone looks; nothing else makes a poll answer.
CHANGING = (
    "id", "status", "started_at", "ended_at", "expires_at", "metadata", "error_code", "pending_calls",
    *(column.name for column in LISTED.values()),
)  # fmt: skip
changing = attrgetter(*CHANGING)


@dataclass(frozen=True, kw_only=True)
class Poll:
    """Tells a page where and how often it asks again, and the tag of what it shows."""

    url: str
    interval_s: int
    tag: str


def poll_answer(request: HttpRequest, template: str, context: Context, *, tag: str) -> HttpResponse:
    """Renders what a poll asks for, with its tag; 304 when the page shows just that."""
    is_known = request.headers.get("HX-PTag") == tag
    response = HttpResponseNotModified() if is_known else render(request, template, context)
    response["HX-PTag"] = tag
    return response


def state_tag(*parts: TagPart) -> str:
    """Makes a polling tag that changes when one of the parts does."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def list_tag(*parts: TagPart, pill: TagPart) -> str:
    """Makes a list's polling tag: what it shows, and apart from it the sync pill, which changes all the time."""
    return f"{state_tag(*parts)}-{state_tag(pill)}"


def has_news(tag: str, *, shown: str) -> bool:
    """Tells whether a list differs from what the page shows, and not the pill alone."""
    return tag.partition("-")[0] != shown.partition("-")[0]


def rows_state(runs: Sequence[AnyRun]) -> list[tuple[TagPart, ...]]:
    return [changing(run) for run in sorted(runs, key=lambda run: run.pk)]


def shown_keys(request: HttpRequest, *, most: int) -> list[int]:
    """Returns the keys of the rows that a page shows, as its poll's address names them."""
    keys = [int(key) for key in request.GET.get("rows", "").split(".") if key.isdecimal() and len(key) < 20]
    return [key for key in keys if key <= LARGEST][:most]


def digest_of(parts: Sequence[str]) -> str:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=9).hexdigest()
