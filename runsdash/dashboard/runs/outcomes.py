"""Says in one line what came of a run: its reply's first words, why there is none, or what goes on. Asks nothing."""

from collections.abc import Sequence

from runsdash.dashboard.shell import formats
from runsdash.index import run_states
from runsdash.index.search.listed_runs import ListedRun
from runsdash.service.json_types import JsonFields

MOST_NAMES = 3
INCOMPLETE = {  # incomplete_details.reason, see docs/protocol.md#run-states
    "max_completion_tokens": "Stopped at the limit of completion tokens",
    "max_prompt_tokens": "Stopped at the limit of prompt tokens",
    "content_filter": "Stopped by the content filter",
}


def outcome_text(run: ListedRun) -> str:
    """Writes the line; "" when nothing is known. The cause comes before what was said on the way."""
    facts = run.facts
    if facts.is_waiting:
        return f"Waits for {functions_text(run.pending_calls)}"
    if run.status == run_states.CANCELLING:
        return "Being cancelled"
    if facts.is_active:
        return f"{run.step_count} step{'' if run.step_count == 1 else 's'} so far" if run.step_count else ""
    if run.status == run_states.COMPLETED:
        return formats.plain_words(run.reply)
    return run.error_message or cause_text(run) or formats.plain_words(run.reply)


def cause_text(run: ListedRun) -> str:
    """Writes why a run without an error's sentence has not completed."""
    if run.status == run_states.EXPIRED and run.calls_text != "[]":
        return f"{functions_text(run.pending_calls)} {'was' if len(run.pending_calls) == 1 else 'were'} never answered"
    if run.status == run_states.CANCELLED and not run.error_code:
        return "Cancelled"
    return INCOMPLETE.get(run.error_code, run.error_code)


def functions_text(calls: Sequence[JsonFields]) -> str:
    """Writes `read_logger and find_shipment`; of many, how many more there are."""
    names = list(dict.fromkeys(formats.pending_name(call) for call in calls)) or ["a tool output"]
    shown, rest = names[:MOST_NAMES], len(names) - MOST_NAMES
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
