"""Parses the forms that start a run. Field names are the API's own parameter names."""

from typing import Any

from django import forms
from django.http import QueryDict

from runsdash.actions.audited_call import new_token
from runsdash.index.storage.previews import RUN_PARAMETERS
from runsdash.service import ServiceError
from runsdash.service.json_types import JsonObject
from runsdash.service.objects.parsing import listing

from .json_fields import BooleanWordField, JsonField, NumberField, TextField, WholeNumberField, WordOrJsonField
from .metadata import MetadataPairs

MESSAGES_EXAMPLE = '[{"role": "user", "content": "…"}]'
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SHARED = ("assistant_id", "model", "instructions", "tools", *RUN_PARAMETERS, "stream")


class RunForm(forms.Form):
    """Holds what all forms have in common."""

    data: QueryDict  # where it is bound

    assistant_id = forms.CharField(max_length=200, required=False)
    assistant_id_typed = forms.CharField(  # an id that the list does not offer
        label="Or an assistant id",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "asst_…"}),
    )
    model = TextField(help_text="Empty: the assistant's own", max_length=200)
    instructions = TextField(help_text="Replaces the assistant's instructions for this run", rows=3)
    tools = JsonField(
        help_text="A JSON array; replaces the assistant's tools for this run",
        shape=list,
        placeholder='[{"type": "code_interpreter"}]',
    )
    temperature = NumberField(help_text="0 to 2")
    top_p = NumberField(help_text="0 to 1")
    max_prompt_tokens = WholeNumberField(label="Prompt tokens", help_text="256 or more")
    max_completion_tokens = WholeNumberField(label="Completion tokens", help_text="256 or more")
    truncation_strategy = JsonField(label="Truncation", shape=dict, placeholder='{"type": "auto"}')
    tool_choice = WordOrJsonField(help_text="auto, none, required, or a JSON object")
    parallel_tool_calls = BooleanWordField(label="Parallel calls")
    response_format = WordOrJsonField(help_text="auto, or a JSON object")
    # Who starts a run by hand wants to see it live.
    stream = BooleanWordField(label="Answer", initial="true", words=("live, word by word", "when it is complete"))
    reason = TextField(max_length=2000)
    token = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    connection = forms.CharField(required=False, max_length=64)

    sent_names: tuple[str, ...] = SHARED

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        empty = MetadataPairs.from_map(self.initial.get("metadata") or {})
        self.metadata = MetadataPairs.from_post(data) if data is not None else empty

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        cleaned["assistant_id"] = cleaned.get("assistant_id_typed") or cleaned.get("assistant_id")
        if not cleaned["assistant_id"]:
            self.add_error("assistant_id", "Choose the assistant that runs, or type its id.")
        for message in self.metadata.errors[:1]:
            self.add_error(None, f"metadata: {message}")
        return cleaned

    def parameters(self) -> JsonObject:
        """Returns the service's arguments: only what was filled in."""
        given = {name: self.cleaned_data.get(name) for name in self.sent_names}
        given = {name: value for name, value in given.items() if value is not None}
        if self.metadata.pairs:
            given["metadata"] = self.metadata.map
        return given

    @property
    def one_time_token(self) -> str:
        """Returns the token. A post without one gets a new one and is not protected against repeats."""
        return self.cleaned_data.get("token") or new_token()

    @property
    def reason_text(self) -> str:
        return self.cleaned_data.get("reason") or ""

    @property
    def makes_thread(self) -> bool:
        """Tells whether a call of its own makes the thread before the run is asked for."""
        return False

    def add_service_error(self, error: ServiceError) -> None:
        """Puts what the API (or our own check) said beside the field it is about."""
        name = (error.param or "").split("[")[0].split(".")[0]
        self.add_error(name if name in self.fields else None, error.message)


class RunOnThreadForm(RunForm):
    """Collects the arguments of `create_run`."""

    additional_instructions = TextField(help_text="Appended to the instructions", rows=2)
    additional_messages = JsonField(shape=list, placeholder=MESSAGES_EXAMPLE)
    additional_message_text = TextField(
        label="A message to add", help_text="Appended to the thread as the user's, before the run starts", rows=2
    )
    reasoning_effort = forms.ChoiceField(
        required=False, choices=[("", "not sent"), *((word, word) for word in EFFORTS)]
    )

    sent_names = (*SHARED, "additional_instructions", "additional_messages", "reasoning_effort")

    def parameters(self) -> JsonObject:
        given = super().parameters()
        if not given.get("reasoning_effort"):
            given.pop("reasoning_effort", None)
        text = self.cleaned_data.get("additional_message_text")
        if text:
            messages = listing(given.get("additional_messages"))
            given["additional_messages"] = [*messages, {"role": "user", "content": text}]
        return given


class ThreadAndRunForm(RunForm):
    """Collects the arguments of `create_thread` and `create_run`, or of the single call that makes both."""

    tool_resources = JsonField(
        label="Run resources", help_text="Exists in the single call only, so that is used", shape=dict
    )
    is_single_call = forms.BooleanField(required=False)
    made_thread_id = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    sent_names = (*SHARED, "tool_resources")

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        # Names with a dash cannot be attributes.
        self.fields["thread-messages"] = JsonField(
            label="Thread messages",
            help_text="Put before the first message above",
            shape=list,
            placeholder=MESSAGES_EXAMPLE,
        )
        self.fields["thread-message_text"] = TextField(
            label="First message", help_text="Said by the user on the new thread", rows=4
        )
        self.fields["thread-tool_resources"] = JsonField(
            label="Thread resources", shape=dict, placeholder='{"code_interpreter": {"file_ids": ["file-…"]}}'
        )
        pairs = MetadataPairs.from_post(data, prefix="thread-metadata") if data is not None else None
        self.thread_metadata = pairs or MetadataPairs(prefix="thread-metadata")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for message in self.thread_metadata.errors[:1]:
            self.add_error(None, f"thread metadata: {message}")
        return cleaned

    def thread_parameters(self) -> JsonObject:
        """Returns what the thread is made with."""
        messages = list(self.cleaned_data.get("thread-messages") or [])
        text = self.cleaned_data.get("thread-message_text")
        if text:
            messages.append({"role": "user", "content": text})
        given: dict[str, Any] = {
            "messages": messages or None,
            "tool_resources": self.cleaned_data.get("thread-tool_resources"),
            "metadata": self.thread_metadata.map or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def makes_thread(self) -> bool:
        return not self.takes_single_call

    @property
    def takes_single_call(self) -> bool:
        """Tells whether one call makes both: run-level tool_resources exist in that call only."""
        return bool(self.cleaned_data.get("is_single_call") or self.cleaned_data.get("tool_resources"))

    def add_service_error(self, error: ServiceError) -> None:
        thread_field = (error.param or "").replace("thread.", "thread-").split("[")[0]
        if thread_field in self.fields:
            self.add_error(thread_field, error.message)
        else:
            super().add_service_error(error)
