"""Defines tool calls of the shapes that nearly all have. Each answers as `service.objects.ToolCall`."""

from typing import Annotated

from msgspec import Meta, Raw, Struct, field

from runsdash.index.storage.previews import MAX_CALLS_IN_ROW, MAX_RESULTS

from .fields import Word


class UsualCall(Struct, forbid_unknown_fields=True):
    """Says what no usual call has: images, more than is read, a run that it started."""

    id: Word

    image_file_ids, rest, child_run_id, child_thread_id = (), None, None, None


class Function(Struct, forbid_unknown_fields=True):
    name: Word
    arguments: str
    output: str | None = None


class FunctionCall(UsualCall, tag_field="type", tag="function"):
    function: Function

    type = kind = "function"
    code_input, logs, results = "", (), ()

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


class CodeCall(UsualCall, tag_field="type", tag="code_interpreter"):
    """Holds a call with logs alone; images are files of their own and not usual."""

    code_interpreter: Code

    type = name = "code_interpreter"
    kind = "code"
    arguments, output, results = "", None, ()

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


class SearchCall(UsualCall, tag_field="type", tag="file_search"):
    file_search: Search

    type = name = "file_search"
    kind = "search"
    arguments, output, code_input, logs = "", None, "", ()

    @property
    def results(self) -> list[SearchResult]:
        return self.file_search.results


Call = FunctionCall | CodeCall | SearchCall


class CallDetails(Struct, forbid_unknown_fields=True, tag_field="type", tag="tool_calls"):
    tool_calls: Annotated[list[Call], Meta(min_length=1, max_length=MAX_CALLS_IN_ROW)]
