"""Says in words why a run ended without completing, for the box on top of its page. Reads the copy only."""

from dataclasses import dataclass, field

from runsdash.dashboard.shell.formats import pending_name
from runsdash.index import run_states
from runsdash.index.models import Run

REASONS = {
    "max_completion_tokens": "It reached its limit of completion tokens. "
    "A higher max_completion_tokens, or none, lets it finish.",
    "max_prompt_tokens": "It reached its limit of prompt tokens. "
    "A higher max_prompt_tokens or a truncation strategy lets it go on.",
    "content_filter": "The upstream's content filter stopped it.",
}


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """Holds the words of the box. `code` and `message` are the upstream's, the rest is ours."""

    title: str
    tone: str = ""
    code: str = ""
    message: str = ""
    words: str = ""
    unanswered: list[str] = field(default_factory=list)  # names of calls whose outputs were never sent


def outcome_of(run: Run) -> RunOutcome | None:
    """Explains a run that failed, expired or stopped early; None for every other one."""
    if run.status not in run_states.NOT_COMPLETED:
        return None
    if run.status == run_states.EXPIRED:
        return expired(run)
    has_failed = run.status == run_states.FAILED
    return RunOutcome(
        title="Why it failed" if has_failed else "Why it stopped early",
        tone="bad" if has_failed else "",
        code=run.error_code,
        message=run.error_message,
        words="" if run.error_message else REASONS.get(run.error_code, ""),
    )


def expired(run: Run) -> RunOutcome:
    names = [pending_name(call) for call in run.pending_calls if isinstance(call, dict)]
    cause = "" if names else "It did not finish before its deadline. "
    return RunOutcome(
        title="Expired: why there is no reply",
        words=f"{cause}The thread is free again; the run cannot go on.",
        code=run.error_code,
        unanswered=names,
    )
