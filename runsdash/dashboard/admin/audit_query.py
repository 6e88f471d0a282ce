"""What the address of the audit trail asks for. Parses, runs no query."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from runsdash.index.storage.keyset import KeysetOrder

LIMIT = 50
MAX_CHARS = 200
NEWEST_FIRST = KeysetOrder()
FIELDS = ("actor", "action", "run", "thread")


@dataclass(frozen=True, kw_only=True)
class AskedAudit:
    """Each filter is exact; empty ones do not narrow."""

    actor: str = ""
    action: str = ""
    run: str = ""
    thread: str = ""
    cursor: str = ""
    limit: int = LIMIT
    order: KeysetOrder = NEWEST_FIRST

    @property
    def given(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in FIELDS if getattr(self, name)}

    def url_query(self, **changes: object) -> str:
        values = {name: value for name, value in (self.given | changes).items() if value not in ("", None)}
        return f"?{urlencode(values)}" if values else "?"


def asked_audit(query: QueryDict) -> AskedAudit:
    values = {name: query.get(name, "").strip()[:MAX_CHARS] for name in FIELDS}
    return AskedAudit(**values, cursor=query.get("cursor", ""))
