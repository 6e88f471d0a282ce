"""Tries a connection before it is saved: what a server answers to the cheapest questions. Writes nothing."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import seal, unseal
from runsdash.service import Client, NoAnswer, ServiceError, Unauthorized
from runsdash.service.errors import NotFound, NotSupported
from runsdash.sync.clients import endpoint_options

TRIAL_S = 10.0
MOST_ASSISTANTS = 100
WORDS_CHARS = 200
NO_LIST = "Add ids of threads, import a file, or make runs here."


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Says in a few words what works, what does not, and why."""

    tone: str
    words: str
    note: str = ""

    @property
    def icon(self) -> str:
        return "check" if self.tone == "good" else "warn"


@dataclass(kw_only=True)
class Trial:
    """Holds what was found, and whether the server can be used at all."""

    at: datetime
    findings: list[Finding] = field(default_factory=list)

    @property
    def works(self) -> bool:
        return all(finding.tone != "bad" for finding in self.findings)


def tried(connection: Connection, *, api_key: str) -> Trial:
    """Asks for assistants and for threads, side by side, and waits TRIAL_S at most."""
    client = Client(
        connection.base_url,
        api_key,
        **endpoint_options(connection),
        timeout=min(TRIAL_S, connection.timeout_s),
        max_retries=0,
    )
    began, trial = monotonic(), Trial(at=timezone.now())
    futures = client.background.list_assistants(limit=MOST_ASSISTANTS), client.background.list_threads(limit=1)
    assistants, took_s = answer_of(futures[0]), monotonic() - began
    threads = answer_of(futures[1])
    trial.findings = [*address_findings(assistants, took_s=took_s)]
    if trial.works:
        trial.findings += [assistants_finding(assistants), threads_finding(threads)]
    return trial


def answer_of(future: Future[Any]) -> Any:
    """Returns what was answered, or the error."""
    try:
        return future.result()
    except ServiceError as error:
        return error


def address_findings(answer: Any, *, took_s: float) -> list[Finding]:
    if isinstance(answer, NoAnswer) or (isinstance(answer, ServiceError) and not answer.status):
        return [Finding(tone="bad", words="The address does not answer", note=said(answer))]
    found = [Finding(tone="good", words="The address answers", note=f"in {took_s * 1000:.0f} ms")]
    if isinstance(answer, Unauthorized):
        return [*found, Finding(tone="bad", words="The key is refused", note=said(answer))]
    if isinstance(answer, ServiceError) and not isinstance(answer, NotSupported | NotFound):
        return [*found, Finding(tone="bad", words="It answers with an error", note=said(answer))]
    return [*found, Finding(tone="good", words="The key is accepted")]


def assistants_finding(answer: Any) -> Finding:
    if isinstance(answer, ServiceError):
        return Finding(tone="warn", words="Assistants cannot be listed", note=said(answer))
    count = f"{len(answer.data)}{' or more' if answer.has_more else ''}"
    newest = next((f", the newest is {one.name[:80]}" for one in answer.data if one.name), "")
    return Finding(tone="good", words="Assistants can be read", note=f"{count} found{newest}")


def threads_finding(answer: Any) -> Finding:
    if isinstance(answer, NotSupported | NotFound | Unauthorized):
        return Finding(tone="warn", words="Threads cannot be listed", note=f"The API has no such call. {NO_LIST}")
    if isinstance(answer, ServiceError):
        return Finding(tone="warn", words="Threads could not be listed", note=said(answer))
    return Finding(tone="good", words="Threads can be listed", note="New threads are found automatically.")


def said(error: ServiceError) -> str:
    return f"{error.status or ''} {error.message}".strip()[:WORDS_CHARS]


# A key that was typed goes from the form to the form, sealed, and for whoever typed it alone.


def sealed_for(user: User, api_key: str) -> str:
    return seal(f"typed:{user.pk}:{api_key}") if api_key else ""


def typed_key(user: User, posted: Mapping[str, str]) -> str:
    """Returns the key of the form, or the one that was typed before it was tried."""
    if posted.get("api_key"):
        return posted["api_key"]
    mark, opened = f"typed:{user.pk}:", unseal(posted.get("kept_key", "")) or ""
    return opened.removeprefix(mark) if opened.startswith(mark) else ""
