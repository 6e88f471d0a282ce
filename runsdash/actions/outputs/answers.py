"""Keeps what is offered for a function's next output: the last ones sent, templates, and its schema."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.audited_change import change
from runsdash.index.models import Connection, Run
from runsdash.index.storage.storable_text import storable, storable_json
from runsdash.row_access import everything
from runsdash.service.json_types import JsonObject

from .drafts import discard_drafts
from .outputs import OutputSchema, OutputTemplate, SentOutput

KEPT = 5  # last outputs of a function on a connection
KEPT_CHARS = 16 * 1024  # a longer text is not offered again
MAX_TEMPLATES = 20


def outputs_were_sent(*, actor: User, run: Run, outputs: Mapping[str, str], names: Mapping[str, str]) -> None:
    """Remembers what was sent, and deletes its drafts. `outputs` and `names` by call id."""
    now, functions = timezone.now(), set()
    for call_id, text in outputs.items():
        name = names.get(call_id, "")[:200]
        if len(text) <= KEPT_CHARS:
            functions.add(name)
            SentOutput.objects.create(
                connection_id=run.connection_id, function_name=name, run_upstream_id=run.upstream_id,
                call_id=call_id[:200], text=storable(text), sent_by=actor.get_username(), sent_at=now,
            )  # fmt: skip
    for name in functions:
        of_function = SentOutput.objects.filter(connection_id=run.connection_id, function_name=name).order_by("-id")
        old = list(of_function.values_list("pk", flat=True)[KEPT : KEPT + 200])
        SentOutput.objects.filter(pk__in=old).delete()
    discard_drafts(user=actor, run=run, call_ids=set(outputs))


def outputs_sent_for(run: Run) -> list[SentOutput]:
    """Returns what was sent for the calls the run waited for last, as far as it is kept."""
    names = {str(call.get("name") or "")[:200] for call in run.pending_calls if isinstance(call, dict)}
    rows = SentOutput.objects.filter(connection_id=run.connection_id, function_name__in=names)
    return list(rows.filter(run_upstream_id=run.upstream_id).order_by("id"))


def earlier_outputs(connection: Connection, names: Iterable[str]) -> dict[str, dict[str, list[Any]]]:
    """Returns {function name: {"templates": […], "sent": […]}}, the newest sent first."""
    found: dict[str, dict[str, list[Any]]] = {name: {"templates": [], "sent": []} for name in names if name}
    for template in OutputTemplate.objects.filter(function_name__in=found).order_by("name"):
        found[template.function_name]["templates"].append(template)
    for sent in SentOutput.objects.filter(connection=connection, function_name__in=found).order_by("-id"):
        found[sent.function_name]["sent"].append(sent)
    return found


def schemas_of(names: Iterable[str]) -> dict[str, Any]:
    return dict(OutputSchema.objects.filter(function_name__in=set(names)).values_list("function_name", "schema"))


class WrittenByOthers(ValueError):
    """Says that somebody keeps this whose connections the actor does not see: nothing is shown of it, nor changed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Somebody of another team keeps a {what} of this name. An administrator can change it.")


def refuse_unseen(rows: QuerySet[OutputTemplate] | QuerySet[OutputSchema], what: str) -> None:
    """Raises WrittenByOthers when there is a row that the actor does not see. A name holds for all."""
    if not rows.exists():
        with everything():
            if rows.all().exists():
                raise WrittenByOthers(what)


def save_template(*, actor: User, function_name: str, name: str, text: str) -> OutputTemplate:
    """Saves a template; one of the same name is replaced. Raises WrittenByOthers."""
    refuse_unseen(OutputTemplate.objects.filter(function_name=function_name, name=name), "template")

    def act() -> tuple[OutputTemplate, JsonObject]:
        values = {"text": storable(text), "made_by": actor.get_username()}
        made, _ = OutputTemplate.objects.update_or_create(function_name=function_name, name=name, defaults=values)
        return made, {"function": function_name, "template": name}

    return change(actor=actor, action="save_output_template", right="can_act", connection_slug="", act=act)


def remove_template(*, actor: User, template: OutputTemplate) -> None:
    def act() -> tuple[None, JsonObject]:
        template.delete()
        return None, {"function": template.function_name, "template": None}

    before = {"template": template.name}
    change(actor=actor, action="remove_output_template", right="can_act", connection_slug="", act=act, before=before)


def save_schema(*, actor: User, function_name: str, schema: dict[str, Any] | None) -> None:
    """Saves a function's schema; None removes it. Raises WrittenByOthers."""
    refuse_unseen(OutputSchema.objects.filter(function_name=function_name), "schema for a function")

    def act() -> tuple[None, JsonObject]:
        if schema is None:
            OutputSchema.objects.filter(function_name=function_name).delete()
        else:
            values = {"schema": storable_json(schema), "changed_by": actor.get_username()}
            OutputSchema.objects.update_or_create(function_name=function_name, defaults=values)
        return None, {"function": function_name, "schema": schema}

    before = {"schema": schemas_of([function_name]).get(function_name)}
    change(actor=actor, action="save_output_schema", right="can_act", connection_slug="", act=act, before=before)
