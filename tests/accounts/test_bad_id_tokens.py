"""Tokens that no provider should send, from one that sends anything: each is refused, and nobody comes in."""

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from runsdash.accounts.models import User
from runsdash.audit.models import AuditEntry
from tests.pages import page_of

pytestmark = pytest.mark.django_db
KEY, STRANGE_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
PUBLIC = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "k1", "use": "sig"}
Claims = dict[str, object]


class Provider:
    """Serves what it is told: `answers` by path."""

    def __init__(self) -> None:
        answers = self.answers = {}

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers[self.path]).encode()
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    one = Provider()
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = one.issuer, "runsdash", "secret"
    one.answers["/.well-known/openid-configuration"] = {
        "issuer": one.issuer,
        "authorization_endpoint": f"{one.issuer}/authorize",
        "token_endpoint": f"{one.issuer}/token",
        "userinfo_endpoint": f"{one.issuer}/userinfo",
        "jwks_uri": f"{one.issuer}/keys",
    }
    one.answers["/keys"] = {"keys": [PUBLIC]}
    one.answers["/userinfo"] = {"sub": "s1", "preferred_username": "ada"}
    yield one
    one.server.shutdown()
    one.server.server_close()


def signed(claims: Claims, key: object = KEY, **options: object) -> str:
    return jwt.encode(claims, key, **({"algorithm": "RS256", "headers": {"kid": "k1"}} | options))


def came_back(client: Client, provider: Provider, token_of: Callable[[Claims], object]) -> int:
    """Walks the whole way with a token made of good claims by `token_of`; returns the status at the end."""
    url = page_of(client.post("/accounts/sso/")).one("a", id="sso-link")["href"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    now = int(time.time())
    good = {
        "iss": provider.issuer,
        "aud": "runsdash",
        "sub": "s1",
        "iat": now,
        "exp": now + 60,
        "nonce": asked["nonce"],
    }
    provider.answers["/token"] = {"access_token": "a", "token_type": "Bearer", "id_token": token_of(good)}
    return client.get("/accounts/sso/callback/", {"code": "c", "state": asked["state"]}).status_code


GOOD = {
    "plain": signed,
    "one of several keys": lambda claims: signed(claims | {"aud": ["runsdash", "x"], "azp": "runsdash"}),
    "no key id": lambda claims: signed(claims, headers={}),
}
BAD = {
    "issuer": lambda claims: signed(claims | {"iss": "https://evil.example"}),
    "audience": lambda claims: signed(claims | {"aud": "another"}),
    "audience of many": lambda claims: signed(claims | {"aud": ["runsdash", "x"]}),
    "authorised party": lambda claims: signed(claims | {"azp": "another"}),
    "nonce": lambda claims: signed(claims | {"nonce": "another"}),
    "no nonce": lambda claims: signed({name: value for name, value in claims.items() if name != "nonce"}),
    "expired": lambda claims: signed(claims | {"exp": int(time.time()) - 120}),
    "no end": lambda claims: signed({name: value for name, value in claims.items() if name != "exp"}),
    "not yet": lambda claims: signed(claims | {"iat": int(time.time()) + 600}),
    "unsigned": lambda claims: jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"}),
    "unsigned, no key id": lambda claims: jwt.encode(claims, None, algorithm="none"),
    "another's key": lambda claims: signed(claims, STRANGE_KEY),
    "a key that is not published": lambda claims: signed(claims, STRANGE_KEY, headers={"kid": "k2"}),
    "a shared secret": lambda claims: jwt.encode(claims, "s" * 32, algorithm="HS256", headers={"kid": "k1"}),
    "somebody else's user info": lambda claims: signed(claims | {"sub": "s2"}),
    "subject": lambda claims: signed(claims | {"sub": 7}),
    "no token": lambda _: None,
    "an object": lambda claims: claims,
    "no JWT": lambda _: "a.b.c",
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_token_opens(client: Client, provider: Provider, kind: str) -> None:
    assert came_back(client, provider, GOOD[kind]) == 302
    assert User.objects.get().username == "ada"


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_opens_nothing(client: Client, provider: Provider, kind: str) -> None:
    assert came_back(client, provider, BAD[kind]) == 401
    assert not User.objects.exists()
    assert client.get("/profile/").status_code == 302
    assert AuditEntry.objects.get().action == "sign_in"


@pytest.mark.parametrize(
    "said", [{"issuer": "https://evil.example"}, [], {"issuer": None}, "x"], ids=["issuer", "list", "null", "text"]
)
def test_a_provider_that_calls_itself_otherwise_is_not_asked(client: Client, provider: Provider, said: object) -> None:
    found = provider.answers["/.well-known/openid-configuration"]
    provider.answers["/.well-known/openid-configuration"] = found | said if isinstance(said, dict) else said
    page = page_of(client.post("/accounts/sso/"), status=502)
    assert page.one("p", id="sso-err").text
