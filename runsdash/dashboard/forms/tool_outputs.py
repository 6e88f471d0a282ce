"""One box per pending call: `output-<tool_call_id>`, or `approve-<tool_call_id>` where a server asks for approval."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runsdash.index.models import Run, RunBody
from runsdash.service.checks import MAX_TOOL_OUTPUTS_BYTES


@dataclass
class Box:
    """A pending call (its preview) and what was typed for it."""

    call: dict
    text: str = ""
    sends_empty: bool = False
    approve: str = ""
    error: str = ""

    @property
    def id(self) -> str:
        return self.call["id"]


@dataclass
class ToolOutputsForm:
    """The pending calls of a run, and the answers typed so far."""

    run: Run
    boxes: list[Box] = field(default_factory=list)
    error: str = ""

    @classmethod
    def for_run(cls, run: Run) -> "ToolOutputsForm":
        body = RunBody.objects.only("preview").filter(run=run).first()
        calls = (body.preview.get("pending") or []) if body else []
        return cls(run, [Box(call) for call in calls])

    @property
    def is_approval(self) -> bool:
        return self.run.waits_for == "submit_tool_approval"

    @property
    def limit_bytes(self) -> int:
        return MAX_TOOL_OUTPUTS_BYTES

    def fill(self, post: Mapping[str, str]) -> "ToolOutputsForm":
        """Takes what was typed; calls that were answered in the form but no longer wait keep their text."""
        known = {box.id for box in self.boxes}
        for box in self.boxes:
            box.text = post.get(f"output-{box.id}", "").replace("\r\n", "\n")
            box.sends_empty = f"empty-{box.id}" in post
            box.approve = post.get(f"approve-{box.id}", "")
        for name in post:
            prefix, _, call_id = name.partition("-")
            if prefix == "output" and call_id not in known:
                call = {"id": call_id, "name": "", "arguments": {"text": "", "size": 0}, "kind": "function"}
                self.boxes.append(Box(call, text=post[name], error="This call no longer waits for an output."))
        return self

    def check(self) -> bool:
        """True when every pending call has an answer."""
        for box in self.boxes:
            if box.error:
                continue
            if self.is_approval:
                box.error = "" if box.approve in {"yes", "no"} else "Approve or deny this call."
            elif not box.text and not box.sends_empty:
                box.error = "This call needs an output. Tick “Send empty” to answer with an empty text."
        size = sum(len(box.text.encode()) for box in self.boxes)
        if size >= MAX_TOOL_OUTPUTS_BYTES:
            self.error = f"The outputs have {size:,} bytes together; less than {MAX_TOOL_OUTPUTS_BYTES:,} are allowed."
        missing = sum(bool(box.error) for box in self.boxes)
        if missing and not self.error:
            self.error = (
                f"{missing} of {len(self.boxes)} calls have no answer yet. The API takes all of them in one request."
            )
        return not self.error

    @property
    def outputs(self) -> dict[str, str]:
        return {box.id: box.text for box in self.boxes}

    @property
    def approvals(self) -> dict[str, bool]:
        return {box.id: box.approve == "yes" for box in self.boxes}
