"""Thread ids that a person pasted. Parses; looks nothing up."""

from dataclasses import dataclass, field

from django.http import QueryDict

from runsdash.dashboard.ids import MAX_IDS, MAX_TEXT_CHARS, found_ids

FIELD = "ids"


@dataclass
class AddThreads:
    """`text` as typed; `thread_ids` found in it; `errors` are sentences, empty when it can be sent."""

    text: str = ""
    connection_slug: str = ""
    thread_ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_add_threads(posted: QueryDict) -> AddThreads:
    form = AddThreads(text=posted.get(FIELD, ""), connection_slug=posted.get("connection", ""))
    if len(form.text) > MAX_TEXT_CHARS:
        form.errors.append(f"The text is longer than {MAX_TEXT_CHARS:,} characters. Send it in parts.")
        return form
    ids = found_ids(form.text)
    form.thread_ids = [one.upstream_id for one in ids if one.kind in ("thread", "")]
    if len(ids) >= MAX_IDS:
        form.errors.append(f"At most {MAX_IDS:,} ids at once. `manage.py import_threads` takes any number.")
    if not form.thread_ids:
        form.errors.append(nothing_found(form.text, kinds={one.kind for one in ids}))
    return form


def nothing_found(text: str, *, kinds: set[str]) -> str:
    if not text.strip():
        return "Paste one thread id a line, or any text that contains thread ids."
    if kinds:
        names = " and ".join(sorted(kinds))
        return f"There are only {names} ids in this text. The API finds them by their thread, so a thread id is needed."
    return "There is no thread id in this text."
