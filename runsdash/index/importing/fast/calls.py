"""Defines tool calls of the shapes that nearly all have, with what a row and the words take of them. Pure.

`previews.call_row` and `run_texts.call_texts` make the same of a call of any shape; a test compares them.
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from runsdash.index.fulltext.run_texts import spoken
from runsdash.index.storage.previews import MAX_CALLS_IN_ROW, MAX_RESULTS

from .fields import Word


class Function(Struct, forbid_unknown_fields=True):
    name: Word
    arguments: str
    output: str | None = None


class FunctionCall(Struct, forbid_unknown_fields=True, tag_field="type", tag="function"):
    id: Word
    function: Function

    kind = "function"

    @property
    def name(self) -> str:
        return self.function.name

    def row(self) -> dict[str, object]:
        output = self.function.output
        return {
            "id": self.id, "type": "function", "kind": "function", "name": self.function.name,
            "arguments_size": len(self.function.arguments), "output_size": None if output is None else len(output),
            "note": "",
        }  # fmt: skip

    def texts(self) -> list[str]:
        return [self.function.name, spoken(self.function.arguments), spoken(self.function.output or "")]


class Logs(Struct, forbid_unknown_fields=True, tag_field="type", tag="logs"):
    logs: str


class Code(Struct, forbid_unknown_fields=True):
    input: str
    outputs: Annotated[list[Logs], Meta(max_length=MAX_RESULTS)]


class CodeCall(Struct, forbid_unknown_fields=True, tag_field="type", tag="code_interpreter"):
    """Holds a call with logs alone; images are files of their own and not usual."""

    id: Word
    code_interpreter: Code

    kind, name = "code", "code_interpreter"

    def row(self) -> dict[str, object]:
        return silent_row(self.id, self.name, self.kind, note="logs" if self.code_interpreter.outputs else "")

    def texts(self) -> list[str]:
        logs = [spoken(output.logs) for output in self.code_interpreter.outputs]
        return [self.name, spoken(self.code_interpreter.input), *logs]


class Passage(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: str


class SearchResult(Struct, forbid_unknown_fields=True):
    file_id: Word
    file_name: str
    score: float
    content: list[Passage] = []


class Search(Struct, forbid_unknown_fields=True):
    results: Annotated[list[SearchResult], Meta(max_length=MAX_RESULTS)] = []
    ranking_options: Raw = Raw()


class SearchCall(Struct, forbid_unknown_fields=True, tag_field="type", tag="file_search"):
    id: Word
    file_search: Search

    kind, name = "search", "file_search"

    def row(self) -> dict[str, object]:
        count = len(self.file_search.results)
        note = f"{count} result{'s' if count != 1 else ''}" if count else ""
        return silent_row(self.id, self.name, self.kind, note=note)

    def texts(self) -> list[str]:
        found = [self.name]
        for result in self.file_search.results:
            found += result.file_name, spoken("\n".join(passage.text for passage in result.content))
        return found


def silent_row(call_id: str, name: str, kind: str, *, note: str) -> dict[str, object]:
    """Makes the row of a call without arguments and output."""
    return {
        "id": call_id, "type": name, "kind": kind, "name": name, "arguments_size": 0, "output_size": None, "note": note,
    }  # fmt: skip


Call = FunctionCall | CodeCall | SearchCall


class CallDetails(Struct, forbid_unknown_fields=True, tag_field="type", tag="tool_calls"):
    tool_calls: Annotated[list[Call], Meta(min_length=1, max_length=MAX_CALLS_IN_ROW)]
