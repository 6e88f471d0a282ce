"""Parses the form of a run's pending calls: a box `output-<tool_call_id>` or `approve-<tool_call_id>` each.

For a function with a registered schema the box has fields too: `field-<tool_call_id>-<n>`, with `mode-<tool_call_id>` =
`fields` or `raw` saying which of both is meant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from runsdash.actions.outputs.outputs import Draft
from runsdash.index.models import Run
from runsdash.index.storage.page_reads import preview_of_run
from runsdash.service.checks import MAX_TOOL_OUTPUTS_BYTES
from runsdash.service.json_types import JsonFields, JsonObject
from runsdash.service.objects.parsing import listing

from .output_schemas import Path, SchemaField, composed, fields_of, problems_of, spread


@dataclass
class Box:
    """Holds a pending call (its preview) and what was typed. `text` is what is sent, whatever it was typed in."""

    call: JsonObject
    text: str = ""
    sends_empty: bool = False
    is_unchecked: bool = False  # sent although it does not satisfy the schema
    approve: str = ""
    error: str = ""
    schema: JsonObject | None = None
    fields: list[SchemaField] = field(default_factory=list)
    is_raw: bool = True
    breaks_schema: bool = False
    saved_at: datetime | None = None
    menu: int = 0  # the number of the menu that offers earlier outputs
    inherited_from: str = ""  # the run whose unsent draft is in here
    is_answerable: bool = True  # the server's ids tell it from all others

    @property
    def id(self) -> str:
        return str(self.call["id"])

    @property
    def name(self) -> str:
        return str(self.call.get("name") or "")

    def take_schema(self, schema: JsonObject) -> None:
        self.schema, self.fields = schema, fields_of(schema)
        self.is_raw = not self.fields

    def put(self, text: str) -> None:
        """Shows `text`: in the fields when they can hold all of it."""
        self.text = text
        if self.fields:
            self.is_raw = not spread(self.fields, text)

    def take(self, post: Mapping[str, str]) -> None:
        """Reads what was typed. The side that is meant comes first, the other one when it is empty."""
        raw = post.get(f"output-{self.id}", "").replace("\r\n", "\n")
        for one in self.fields:
            one.value = post.get(f"field-{self.id}-{one.number}", "").replace("\r\n", "\n")
        self.is_raw = not self.fields or post.get(f"mode-{self.id}", "raw") == "raw"
        typed = composed(self.fields)
        self.text = (raw or typed) if self.is_raw else (typed or raw)
        self.sends_empty = f"empty-{self.id}" in post
        self.is_unchecked = f"unchecked-{self.id}" in post
        self.approve = post.get(f"approve-{self.id}", "")

    def check_schema(self) -> None:
        """Puts each problem beside its field; what has no field is said of the whole output."""
        problems = problems_of(self.schema or {}, self.text)
        self.breaks_schema = bool(problems)
        for one in self.fields:
            one.error = ""
        for path in list(problems):
            about = concerned(self.fields, path)
            words = problems.pop(path) if about else ""
            for one in about:
                one.error = one.error or words
        rest = [f"{'.'.join(path)}: {words}" if path else words for path, words in problems.items()]
        self.error = " ".join(rest[:3])
        if self.is_raw and self.breaks_schema:
            named = [f"{one.label}: {one.error}" for one in self.fields if one.error]
            self.error = " ".join([*rest, *named][:3])


def concerned(fields: list[SchemaField], path: Path) -> list[SchemaField]:
    """Returns the field at `path`, or of a missing object the fields that have to be filled in."""
    exact = [one for one in fields if one.path == path]
    inside = [one for one in fields if path and one.path[: len(path)] == path and one.is_required and not one.value]
    return exact or inside


@dataclass
class ToolOutputsForm:
    """Holds the pending calls of a run, and the answers typed so far."""

    run: Run
    boxes: list[Box] = field(default_factory=list)
    error: str = ""

    @classmethod
    def for_run(cls, run: Run, *, schemas: Mapping[str, JsonObject] | None = None) -> "ToolOutputsForm":
        """Makes a form with a box for each pending call. `schemas`: by function name."""
        calls = listing(preview_of_run(run).parameters.get("pending"))
        form = cls(run, [Box(call, is_answerable=not run.calls_fault) for call in calls])
        for box in form.boxes:
            if schemas and box.name in schemas:
                box.take_schema(schemas[box.name])
        return form

    @property
    def is_approval(self) -> bool:
        return self.run.waits_for_approval

    @property
    def fault(self) -> str:
        """Says why the server's calls cannot be answered at all."""
        return self.run.calls_fault

    @property
    def limit_bytes(self) -> int:
        return MAX_TOOL_OUTPUTS_BYTES

    @property
    def names(self) -> dict[str, str]:
        """Returns function names by call id."""
        return {box.id: box.name for box in self.boxes}

    @property
    def saved_at(self) -> datetime | None:
        """Returns when the newest draft that is shown was saved."""
        return max((box.saved_at for box in self.boxes if box.saved_at), default=None)

    @property
    def first_empty(self) -> Box | None:
        """Returns the first box to type in that is empty."""
        open_boxes = (box for box in self.boxes if box.is_raw and box.is_answerable and not box.text)
        return None if self.is_approval or self.fault else next(open_boxes, None)

    def fill(self, post: Mapping[str, str]) -> "ToolOutputsForm":
        """Takes what was typed; calls that no longer wait keep their text."""
        known = set() if self.fault else {box.id for box in self.boxes}
        for box in self.boxes if not self.fault else ():
            box.take(post)
        for name in post:
            prefix, _, call_id = name.partition("-")
            if prefix == "output" and call_id not in known:
                call: JsonObject = {"id": call_id, "name": "", "type": "function", "kind": "function"}
                self.boxes.append(Box(call, text=post[name], error="This call no longer waits for an answer."))
        return self

    def recall(self, drafts: Mapping[str, Draft], *, inherited: Mapping[str, Draft]) -> "ToolOutputsForm":
        """Shows drafts of this run, else those left over by the run it was made from."""
        for box in self.boxes if not self.fault else ():
            draft = drafts.get(box.id)
            if draft is not None:
                box.put(draft.text)
                box.saved_at = draft.saved_at
            elif box.id in inherited:
                box.put(inherited[box.id].text)
                box.inherited_from = inherited[box.id].run_upstream_id
        return self

    def check(self) -> bool:
        """Tells whether every pending call has an answer, and each answer satisfies its function's schema."""
        if self.fault:
            return False
        for box in self.boxes:
            if not box.error:
                self.check_box(box)
        size = sum(len(box.text.encode()) for box in self.boxes)
        if size >= MAX_TOOL_OUTPUTS_BYTES:
            self.error = f"The answers have {size:,} bytes together; fewer than {MAX_TOOL_OUTPUTS_BYTES:,} are allowed."
        missing = sum(bool(box.error) and not box.breaks_schema for box in self.boxes)
        if missing and not self.error:
            self.error = f"{missing} of {len(self.boxes)} not answered yet. The API takes all of them in one request."
        broken = sum(box.breaks_schema for box in self.boxes)
        if broken and not self.error:
            self.error = f"{broken} of {len(self.boxes)} do not satisfy their function's schema. Nothing was sent."
        return not self.error

    def check_box(self, box: Box) -> None:
        if self.is_approval:
            box.error = "" if box.approve in {"yes", "no"} else "Approve or deny this call."
        elif not box.text and not box.sends_empty:
            box.error = "This call needs an answer. Tick “Send empty” to answer with an empty text."
        elif box.schema is not None and box.text and not box.is_unchecked:
            box.check_schema()

    def still_waits(self, calls: Iterable[JsonFields]) -> list[str]:
        """Returns ids of this form's calls that are among `calls`."""
        waiting = {call.get("id") for call in calls if isinstance(call, Mapping)}
        return [box.id for box in self.boxes if box.id in waiting]

    @property
    def outputs(self) -> dict[str, str]:
        return {box.id: box.text for box in self.boxes}

    @property
    def approvals(self) -> dict[str, bool]:
        return {box.id: box.approve == "yes" for box in self.boxes}
