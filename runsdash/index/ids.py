"""Finds ids in text that people paste: a bare id, a line of a log, an address. Looks nothing up."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

MAX_TEXT_CHARS = 200_000
MAX_IDS = 5_000
KINDS = {"run": "run", "thread": "thread", "step": "step", "msg": "message", "asst": "assistant"}
NAMED = re.compile(r"(?<![A-Za-z0-9])(run|thread|step|msg|asst)_[A-Za-z0-9][A-Za-z0-9_-]{0,190}")
# What stands before a value in logs, JSON and headings of tables: `thread_id`, `run_status=…`, `"step_details": …`.
FIELD = re.compile(r"[a-z]+_(?:ids?(?![A-Za-z0-9_-])|[a-z_]+[\"']?\s*[=:])")
UUID = re.compile(r"(?<![A-Za-z0-9])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![A-Za-z0-9])")
# Parts of an address of ours or of the API, and an id as addresses of ours write it: docs/contract.md.
PART = re.compile(r"/(threads|runs|steps|messages)/([^/\s?#\"<>]*(?:[^/\s?#\"'<>.,;:!)\]}]|(?=/)))")
PARTS = {"threads": "thread", "runs": "run", "steps": "step", "messages": "message"}
# Those that stand where an id could.
OUR_WORDS = {
    "add", "columns", "export.csv", "export.jsonl", "facets", "imports",
    "live", "new", "rows", "suggest", "totals", "views",
}  # fmt: skip
WRITTEN = re.compile(r"~([2-7][0-9A-F])")
LONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{2,199}")


@dataclass(frozen=True)
class FoundId:
    """Holds an id. `kind`: run, thread, step, message or assistant by its prefix; empty when that does not say."""

    kind: str
    upstream_id: str


def id_written(text: str) -> str:
    """Reads an id back from a path of ours, where `~2F` is a slash, and so on."""
    return WRITTEN.sub(lambda match: chr(int(match[1], 16)), text)


def found_ids(text: str) -> list[FoundId]:
    """Finds every id in the text, in order, once. A line of one word counts as an id of unknown kind."""
    found: dict[str, FoundId] = {}
    for line in text[:MAX_TEXT_CHARS].splitlines():
        for one in ids_of_line(line):
            found.setdefault(one.upstream_id, one)
        if len(found) >= MAX_IDS:
            break
    return list(found.values())[:MAX_IDS]


def ids_of_line(line: str) -> list[FoundId]:
    if addressed := ids_of_address(line):
        return addressed
    found = (match for match in NAMED.finditer(line) if not FIELD.match(line, match.start()))
    named = [(match.start(), FoundId(KINDS[match[1]], match[0].rstrip("_-"))) for match in found]
    named += [(match.start(), FoundId("", match[0])) for match in UUID.finditer(line)]
    if named:
        return [one for _, one in sorted(named, key=lambda pair: pair[0])]
    word = line.strip().strip("\"',;")
    return [FoundId("", word)] if LONE.fullmatch(word) and not FIELD.fullmatch(word) else []


def ids_of_address(line: str) -> list[FoundId]:
    """Returns the ids of addresses in the line; none when it holds only such as are found as they stand."""
    parts = [(kind, unquote(value)) for kind, value in PART.findall(line) if value not in {*OUR_WORDS, *PARTS}]
    if all(NAMED.fullmatch(value) or UUID.fullmatch(value) for _, value in parts):
        return []
    return [FoundId(PARTS[kind], id_written(value)) for kind, value in parts]
