"""Knows where a request goes and how it proves its sender, for each kind of server.

Owns base URL, api-version, authentication headers and the list of secrets that must never show up in
an error. Knows nothing of operations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlencode, urlsplit

from .calls import Call
from .errors import InvalidRequest, ServiceError
from .json_types import JsonLike

KeySource = str | Callable[[], str] | None

AUTH_STYLES = ("", "bearer", "api-key", "none")  # "": as servers of the kind take it
_SECRET_HEADER_WORDS = ("key", "token", "auth", "secret", "cookie")
_SHORTEST_SECRET = 4
_LONGEST_HARMLESS_PART = 7


@dataclass(frozen=True, slots=True)
class Provider:
    """Describes a kind of server. `default_api_version` is sent as `?api-version=` unless another is given."""

    kind: str
    label: str
    key_header: str = "Authorization"
    default_api_version: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # what it calls otherwise in bodies
    stream_in_query: bool = False


PROVIDERS: dict[str, Provider] = {
    "openai": Provider("openai", "OpenAI-compatible"),
    "azure-openai": Provider("azure-openai", "Azure OpenAI", "api-key", "2024-05-01-preview"),
    "foundry": Provider("foundry", "Microsoft Foundry", default_api_version="v1"),
    "foundry-local": Provider(
        "foundry-local", "Foundry Local", names={"assistant_id": "agent_id"}, stream_in_query=True
    ),
    "sandbox": Provider("sandbox", "Sandbox"),
}


class Endpoint:
    """Makes the URLs and headers of one server for one client, and hides its secrets."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: KeySource,
        kind: str,
        api_version: str | None,
        extra_headers: Mapping[str, str] | None,
        extra_query: Mapping[str, str] | None = None,
        auth: str = "",
    ) -> None:
        self.provider = _provider(kind)
        self.base_url = _checked_base_url(base_url)
        self.api_version = api_version or self._usual_api_version()
        self._api_key = api_key if callable(api_key) else _checked_key(api_key)
        self._extra_headers = _checked_headers(extra_headers or {})
        self._extra_query = [*_checked_query(extra_query or {}).items()]
        self.auth = _checked_auth(auth)
        self._last_token = ""

    def _usual_api_version(self) -> str | None:
        # Azure's v1 form of the URL takes no api-version (docs/protocol.md).
        return None if self.base_url.endswith("/openai/v1") else self.provider.default_api_version

    def url(self, path: str, query: list[tuple[str, str]]) -> str:
        version = [("api-version", self.api_version)] if self.api_version else []
        pairs = [*query, *version, *self._extra_query]
        return f"{self.base_url}{path}" + (f"?{urlencode(pairs)}" if pairs else "")

    def request_of(self, call: Call) -> tuple[str, dict[str, JsonLike] | None]:
        """Makes the URL and the JSON of a call, in this server's own names."""
        query, body = list(call.query), call.body
        if body is not None:
            body = {self.provider.names.get(name, name): value for name, value in body.items()}
            if self.provider.stream_in_query and body.pop("stream", None):
                query.append(("stream", "true"))
        return self.url(call.path, query), body

    @property
    def key_header(self) -> str:
        """Names the header that carries the key."""
        return {"bearer": "Authorization", "api-key": "api-key"}.get(self.auth, self.provider.key_header)

    def public_headers(self) -> dict[str, str]:
        """Gives the headers without any secret, as shown to people."""
        shown = {name: value for name, value in self._extra_headers.items() if not is_secret(name)}
        return {"OpenAI-Beta": "assistants=v2", **shown}

    def headers(self) -> dict[str, str]:
        return {"OpenAI-Beta": "assistants=v2", **self._proof(), **self._extra_headers}

    def _proof(self) -> dict[str, str]:
        """Gives the key as its own header, or as a bearer token. What a function gives is always a token."""
        key = "" if self.auth == "none" else self._token()
        if not key:
            return {}
        is_token = callable(self._api_key) and not self.auth
        if self.key_header == "Authorization" or is_token:
            return {"Authorization": f"Bearer {key}"}
        return {self.key_header: key}

    def _token(self) -> str:
        if not callable(self._api_key):
            return self._api_key
        try:
            token = self._api_key()
        except ServiceError:
            raise
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            raise InvalidRequest(
                f"The source of the API key failed: {type(error).__name__}.", param="api_key"
            ) from None
        self._last_token = _checked_key(token)
        return self._last_token

    def redacted(self, text: str) -> str:
        """Removes all of this endpoint's secrets from a text, longest first."""
        for secret in self._secrets():
            text = _without_cut_secret(text.replace(secret, "[key]"), secret)
        return text

    def _secrets(self) -> list[str]:
        key = self._last_token if callable(self._api_key) else self._api_key
        secrets = [key, *(value for name, value in self._extra_headers.items() if is_secret(name))]
        return sorted((secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Endpoint {self.provider.kind} {self.base_url}>"


def _without_cut_secret(text: str, secret: str) -> str:
    """Removes the first part of a secret from the end of a text that was cut to a length."""
    for length in range(len(secret) - 1, _LONGEST_HARMLESS_PART, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + "[key]"
    return text


def _provider(kind: str) -> Provider:
    if kind in PROVIDERS:
        return PROVIDERS[kind]
    known = ", ".join(PROVIDERS)
    raise InvalidRequest(f"RunsDash does not know the kind of server {kind!r}. Known kinds: {known}.", param="kind")


def _checked_base_url(base_url: str) -> str:
    text = base_url.strip() if isinstance(base_url, str) else ""
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest("The base URL must look like https://host/v1.", param="base_url")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidRequest("The base URL takes no user, password, query or fragment.", param="base_url")
    return text.rstrip("/")


def _split(text: str) -> SplitResult | None:
    if any(letter.isspace() for letter in text):
        return None
    try:
        parts = urlsplit(text)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _checked_key(key: str | None) -> str:
    text = key.strip() if isinstance(key, str) else "" if key is None else None
    if text is None or not (text.isascii() and (text.isprintable() or not text)):
        raise InvalidRequest("The API key must be one line of printable ASCII characters.", param="api_key")
    return text


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str) and f"{name}{value}".isascii()):
            raise InvalidRequest("Extra headers must be ASCII text.", param="extra_headers")
        if not name or not f"{name}{value}".isprintable() or any(mark in name for mark in " :"):
            raise InvalidRequest("An extra header must be a name and one line of text.", param="extra_headers")
    return {name: value.strip() for name, value in headers.items()}


def _checked_query(query: Mapping[str, str]) -> dict[str, str]:
    for name, value in query.items():
        if not (isinstance(name, str) and isinstance(value, str) and name and f"{name}{value}".isprintable()):
            raise InvalidRequest("An extra query parameter must be a name and one line of text.", param="extra_query")
    return dict(query)


def _checked_auth(auth: str) -> str:
    if auth not in AUTH_STYLES:
        raise InvalidRequest("The key goes as bearer, as api-key or not at all.", param="auth")
    return auth


def is_secret(header_name: str) -> bool:
    return any(word in header_name.lower() for word in _SECRET_HEADER_WORDS)
