"""Defines tool calls of the shapes that nearly all have. Each answers as `service.objects.ToolCall`."""

from typing import Annotated

from msgspec import Meta, Raw, Struct, field

from runsdash.index.storage.previews import MAX_CALLS_IN_ROW, MAX_RESULTS

from .fields import Word


class SilentCall(Struct, forbid_unknown_fields=True):
    """Says what a call has that shows neither arguments nor output nor results."""

    id: Word

    arguments, output, code_input, logs, image_file_ids, results, rest = "", None, "", (), (), (), None
    child_run_id = child_thread_id = None


class Function(Struct, forbid_unknown_fields=True):
    name: Word
    arguments: str
    output: str | None = None


class FunctionCall(SilentCall, tag_field="type", tag="function"):
    function: Function

    type = kind = "function"

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def arguments(self) -> str:
        return self.function.arguments

    @property
    def output(self) -> str | None:
        return self.function.output


class Logs(Struct, forbid_unknown_fields=True, tag_field="type", tag="logs"):
    logs: str


class Code(Struct, forbid_unknown_fields=True):
    input: str
    outputs: Annotated[list[Logs], Meta(max_length=MAX_RESULTS)]


class CodeCall(SilentCall, tag_field="type", tag="code_interpreter"):
    """Holds a call with logs alone; images are files of their own and not usual."""

    code_interpreter: Code

    type = name = "code_interpreter"
    kind = "code"

    @property
    def code_input(self) -> str:
        return self.code_interpreter.input

    @property
    def logs(self) -> list[str]:
        return [output.logs for output in self.code_interpreter.outputs]


class Passage(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: str


class SearchResult(Struct, forbid_unknown_fields=True):
    """Answers as `service.objects.FileSearchResult`."""

    file_id: Word
    file_name: str
    score: float
    passages: list[Passage] = field(name="content", default_factory=list)

    @property
    def content(self) -> str:
        return "\n".join(passage.text for passage in self.passages)


class Search(Struct, forbid_unknown_fields=True):
    results: Annotated[list[SearchResult], Meta(max_length=MAX_RESULTS)] = []
    ranking_options: Raw = Raw()


class SearchCall(SilentCall, tag_field="type", tag="file_search"):
    file_search: Search

    type = name = "file_search"
    kind = "search"

    @property
    def results(self) -> list[SearchResult]:
        return self.file_search.results


Call = FunctionCall | CodeCall | SearchCall


class CallDetails(Struct, forbid_unknown_fields=True, tag_field="type", tag="tool_calls"):
    tool_calls: Annotated[list[Call], Meta(min_length=1, max_length=MAX_CALLS_IN_ROW)]
