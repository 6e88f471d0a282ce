"""Takes secrets out of what the trail keeps, by rule: by the name of a field, and by how a text looks.

A rule only knows what secrets usually look like. The keys of connections never reach the trail at all.
"""

import json
import re

from runsdash.service.decoding import strict_json
from runsdash.service.json_types import JsonLike

REDACTED = "[redacted]"
SHORTEST = 10  # a text that can hold a field and its secret
NAMES = {"passwd", "passphrase", "cookie", "setcookie", "credential", "credentials"}
ENDINGS = ("authorization", "apikey", "password", "secret", "token", "privatekey", "accesskey", "secretkey")
# Quantifiers are bounded, and no match begins within what another looked at, since texts are hostile.
FIELD = r"(?:(?:api|private|access)[-_]?key|passw(?:or)?d|passphrase|secret|token|authorization|cookie)"
WORD = r"""[^\s"'&;,\[\]{}]"""
TEXTS = (
    (
        rf"""(?i)({FIELD}["']?\s?[:=]\s?)(?:(["'])[^"'\n]{{1,4000}}|(?:bearer|basic)?\s?{WORD}{{4,4000}})""",
        rf"\1\2{REDACTED}",
    ),
    (r"(?i)\b(bearer|basic) [\w.~+/=-]{8,4000}", rf"\1 {REDACTED}"),
    (r"(?i)(://[^\s/:@]{0,100}):[^\s/@]{1,200}@", rf"\1:{REDACTED}@"),
    (r"(https://hooks\.slack\.com/)[\w/-]{1,300}", rf"\1{REDACTED}"),
    (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", REDACTED),  # a JSON web token
    (r"(?<![\w-])(?:(?:sk|pk|rk)[-_][\w-]{16,}|AKIA[0-9A-Z]{16}\b|gh[oprsu]_\w{20,}|xox[a-z]-[\w-]{10,})", REDACTED),
    (r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", REDACTED),
)
PATTERNS = tuple((re.compile(pattern), put) for pattern, put in TEXTS)


def redacted(value: JsonLike) -> JsonLike:
    """Returns a JSON value without its secrets. JSON that stands in a text is looked through as well."""
    if isinstance(value, dict):
        return {name: REDACTED if is_secret(name, inner) else redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return redacted_text(value) if isinstance(value, str) else value


def is_secret(name: str, value: JsonLike) -> bool:
    """Tells by its name whether a field with a text holds a secret."""
    plain = re.sub(r"[^a-z0-9]", "", str(name).lower())
    return isinstance(value, str) and value != "" and (plain in NAMES or plain.endswith(ENDINGS))


def redacted_text(text: str) -> str:
    if text[:1] in ("{", "["):
        try:
            value = strict_json(text)
            clean = redacted(value)
        except (ValueError, RecursionError):
            pass
        else:
            return text if clean == value else json.dumps(clean)
    if len(text) < SHORTEST:
        return text
    for pattern, put in PATTERNS:
        text = pattern.sub(put, text)
    return text
