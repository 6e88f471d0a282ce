"""Changes a run's metadata. The whole map is sent and replaces the old one."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.audited_call import CHANGED_NOTHING, new_token
from runsdash.actions.modify_run import modify_run
from runsdash.audit.trail import TokenUsed, refuse_used
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.form_answers import CLOSE_DIALOG, done, form_answer, sent_before, sentence_of, status_of
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.lookup import indexed_run, refetched_run
from runsdash.index.models import Run
from runsdash.service import ServiceError
from runsdash.service.checks import MAX_METADATA_KEY_CHARS, MAX_METADATA_PAIRS, MAX_METADATA_VALUE_CHARS
from runsdash.service.json_types import JsonObject

BLANK_ROWS = 2


@dataclass
class MetadataPair:
    key: str = ""
    value: str = ""
    error: str = ""


@dataclass
class MetadataPairs:
    """Holds typed pairs with an error beside each; `map` is what would be sent."""

    prefix: str = "metadata"
    pairs: list[MetadataPair] = field(default_factory=list)

    @classmethod
    def from_map(cls, metadata: Mapping[str, str], *, prefix: str = "metadata") -> "MetadataPairs":
        """Sorts by key, since PostgreSQL does not keep the order in which pairs came."""
        return cls(prefix, [MetadataPair(key, value) for key, value in sorted(metadata.items())])

    @classmethod
    def from_post(cls, post: Mapping[str, str], *, prefix: str = "metadata") -> "MetadataPairs":
        """Reads rows in the order of their numbers; a row without key and value is no pair."""
        pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,3}})-(?:key|value)")
        numbers = sorted({int(match[1]) for name in post if (match := pattern.fullmatch(name))})
        typed = [MetadataPair(post.get(f"{prefix}-{n}-key", ""), post.get(f"{prefix}-{n}-value", "")) for n in numbers]
        made = cls(prefix, [pair for pair in typed if pair.key or pair.value])
        made.check()
        return made

    def check(self) -> None:
        seen: set[str] = set()
        for number, pair in enumerate(self.pairs, start=1):
            if not pair.key:
                pair.error = "This value has no key."
            elif pair.key in seen:
                pair.error = f"The key “{pair.key}” is there twice."
            elif len(pair.key) > MAX_METADATA_KEY_CHARS:
                pair.error = f"The key has {len(pair.key)} characters, {MAX_METADATA_KEY_CHARS} are allowed."
            elif len(pair.value) > MAX_METADATA_VALUE_CHARS:
                pair.error = f"The value has {len(pair.value)} characters, {MAX_METADATA_VALUE_CHARS} are allowed."
            elif number > MAX_METADATA_PAIRS:
                pair.error = f"This is pair {number}, {MAX_METADATA_PAIRS} are allowed."
            seen.add(pair.key)

    @property
    def map(self) -> dict[str, str]:
        return {pair.key: pair.value for pair in self.pairs}

    @property
    def errors(self) -> list[str]:
        return [pair.error for pair in self.pairs if pair.error]

    @property
    def rows(self) -> list[tuple[int, MetadataPair]]:
        """Numbers the rows of the form: what was typed and a few blank ones."""
        blanks = min(BLANK_ROWS, max(0, MAX_METADATA_PAIRS - len(self.pairs)))
        return list(enumerate([*self.pairs, *(MetadataPair() for _ in range(blanks))]))

    @property
    def limits(self) -> str:
        chars = f"key {MAX_METADATA_KEY_CHARS}, value {MAX_METADATA_VALUE_CHARS} characters"
        return f"Up to {MAX_METADATA_PAIRS} pairs, {chars}"


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def metadata(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Shows the pairs as they are now; on POST sends the map, unless the run's has changed meanwhile."""
    if request.method != "POST":
        run = refetched_run(request, thread_id=thread_id, run_id=run_id)
        return mark_stale(form(request, run, MetadataPairs.from_map(run.metadata)), run)
    typed, run = MetadataPairs.from_post(request.POST), indexed_run(request, thread_id=thread_id, run_id=run_id)
    try:
        refuse_used(request.POST.get("token"))
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=CLOSE_DIALOG)
    if typed.errors:
        return form(request, run, typed, error=typed.errors[0], status=422)
    run = refetched_run(request, thread_id=thread_id, run_id=run_id)
    if changed_meanwhile(request, run):
        return form(request, run, typed, conflict=dict(sorted(run.metadata.items())), status=422)
    return send(request, run, typed)


def send(request: UserRequest, run: Run, typed: MetadataPairs) -> HttpResponse:
    try:
        run = modify_run(
            actor=request.user,
            run=run,
            metadata=typed.map,
            token=request.POST.get("token"),
            reason=request.POST.get("reason", ""),
        )
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=CLOSE_DIALOG)
    except ServiceError as error:
        return form(request, run, typed, error=sentence_of(error), status=status_of(error))
    not_taken = sorted(key for key, value in typed.map.items() if run.metadata.get(key) != value)
    if not_taken:
        text = f"{CHANGED_NOTHING}: {', '.join(not_taken)} {'is' if len(not_taken) == 1 else 'are'} not as sent."
        return done(request, url=run_url(run), text=text, tone="warn", partials=CLOSE_DIALOG)
    still_there = sorted(key for key in run.metadata if key not in typed.map)
    if still_there:
        text = f"Saved, but this server keeps removed keys: {', '.join(still_there)} is still there."
        return done(request, url=run_url(run), text=text, tone="warn", partials=CLOSE_DIALOG)
    return done(request, url=run_url(run), text="Metadata saved.", partials=CLOSE_DIALOG)


def changed_meanwhile(request: UserRequest, run: Run) -> bool:
    """Compares `seen`, the map the form was made from; a script's post has none and passes."""
    seen = request.POST.get("seen")
    if not seen:
        return False
    try:
        return bool(json.loads(seen) != run.metadata)
    except ValueError:
        return True


def form(
    request: UserRequest,
    run: Run,
    pairs: MetadataPairs,
    *,
    error: str = "",
    conflict: JsonObject | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "run": run,
        "pairs": pairs,
        "error": error,
        "conflict": conflict,
        "token": new_token(),
        "seen": json.dumps(run.metadata),
        "reason": request.POST.get("reason", ""),
    }
    return form_answer(
        request,
        page="run_actions/metadata.html",
        fragment="run_actions/_metadata.html",
        root="metadata-form",
        context=context,
        status=status,
        dialog="Edit metadata",
    )
