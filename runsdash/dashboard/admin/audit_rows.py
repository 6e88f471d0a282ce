"""Describes an action of the audit trail: its label, tone, what changed, what was sent. Reads no rows."""

import json
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import AuditedAction
from runsdash.dashboard.shell.links import address
from runsdash.service.json_types import Json

Result = AuditEntry.Result
LABELS = {
    "create_run": "Create run",
    "create_thread_and_run": "Create thread and run",
    "create_thread": "Create thread",
    "create_message": "Add message",
    "cancel_run": "Cancel run",
    "modify_run": "Edit metadata",
    "submit_tool_outputs": "Submit tool outputs",
    "add_threads": "Add threads",
    "stop_import": "Stop adding threads",
    "delete_thread": "Delete thread upstream",
    "purge_thread": "Purge thread from RunsDash",
    "add_connection": "Add connection",
    "archive_connection": "Archive connection",
    "change_connection": "Change connection",
    "name_customer_key": "Name customers",
    "remove_connection": "Remove connection",
}
TONES: dict[str, tuple[str, str]] = {
    Result.DONE: ("good", "check"),
    Result.SETTLED_DONE: ("good", "check"),
    Result.UNCHANGED: ("warn", "warn"),
    Result.REFUSED: ("bad", "x"),
    Result.FAILED: ("bad", "x"),
    Result.SETTLED_NOT_DONE: ("bad", "x"),
    Result.UNCLEAR: ("warn", "warn"),
    Result.SETTLED_OPEN: ("warn", "warn"),
}
VALUE_CHARS = 80
MAX_CHANGES = 6
SENT_CHARS = 64 * 1024


@dataclass(frozen=True)
class FieldChange:
    """Holds what a field was and is; `old` or `new` is None where there was nothing."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class AuditRow:
    """Shows one audited action."""

    audited: AuditedAction
    is_ambiguous: bool = False  # several connections know its thread

    @property
    def intent(self) -> AuditEntry:
        return self.audited.intent

    @property
    def last(self) -> AuditEntry:
        """Returns what was recorded last: the outcome, or the intent itself while there is none."""
        return self.audited.last or self.audited.intent

    @property
    def label(self) -> str:
        return LABELS.get(self.intent.action, self.intent.action.replace("_", " ").capitalize())

    @property
    def tone(self) -> str:
        return TONES[self.audited.result][0]

    @property
    def icon(self) -> str:
        return TONES[self.audited.result][1]

    @property
    def run_id(self) -> str:
        """Returns the run's id; only the outcome knows that of a run that was created."""
        return self.last.run_id or self.intent.run_id

    @property
    def thread_id(self) -> str:
        return self.last.thread_id or self.intent.thread_id

    @property
    def url(self) -> str:
        """Links to its run or thread."""
        if not self.thread_id:
            return ""
        url = address("run", self.thread_id, self.run_id) if self.run_id else address("thread", self.thread_id)
        slug = self.intent.connection_slug if self.is_ambiguous else ""
        return f"{url}?{urlencode({'connection': slug})}" if slug else url

    @property
    def changes(self) -> list[FieldChange]:
        """Returns what changed; nothing while the outcome does not say how things are now."""
        after = self.audited.last.after if self.audited.last else None
        return [] if after is None else changes(self.intent.before, after)[:MAX_CHANGES]

    @property
    def purged_at(self) -> datetime | None:
        """Returns when the content was purged."""
        return self.last.kept_content.purged_at or self.intent.kept_content.purged_at

    @property
    def sent_line(self) -> str:
        sent = self.intent.sent if isinstance(self.intent.sent, dict) else {}
        return f"{sent.get('method', '')} {sent.get('url', '')}".strip()

    @property
    def sent_body(self) -> str:
        body = self.intent.sent_body
        return "" if not body else json.dumps(body, ensure_ascii=False, indent=2)[:SENT_CHARS]


def changes(before: Json, after: Json) -> list[FieldChange]:
    """Compares two small JSON mappings, one level deep. What `after` does not hold has not changed."""
    after = after if isinstance(after, dict) else {}
    old = flat({name: value for name, value in before.items() if name in after} if isinstance(before, dict) else {})
    new = flat(after)
    names = dict.fromkeys([*old, *new])
    return [FieldChange(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def flat(value: Json) -> dict[str, str]:
    leaves: dict[str, str] = {}
    for name, inner in (value if isinstance(value, dict) else {}).items():
        if isinstance(inner, dict):
            leaves |= {f"{name}.{key}": short(one) for key, one in inner.items()}
        else:
            leaves[str(name)] = short(inner)
    return leaves


def short(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARS else f"{text[: VALUE_CHARS - 1]}…"
