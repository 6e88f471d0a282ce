"""Speaks OpenID Connect with the one identity provider of the environment, and believes no token unchecked.

allauth carries the flow: state, PKCE, the exchange of the code. What an ID token has to be is decided here, who may
come in with its claims in `single_sign_on.py`.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from hmac import compare_digest
from typing import Any

import jwt
from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.utils import build_absolute_uri
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from runsdash.service.json_types import Json

from .models import User

# None that shares a secret and none without a signature: a token cannot choose how it is checked.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY_S = 60  # clocks of two machines
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]
PUBLISHED = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}
UID_CHARS = 191  # of allauth's column
Claims = Mapping[str, Any]


class IdentityProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """Describes the provider of the environment; nothing of it is stored."""

    def extract_uid(self, data: Claims) -> str:
        subject = str(data["id_token"]["sub"])
        return subject if len(subject) <= UID_CHARS else hashlib.sha256(subject.encode()).hexdigest()

    def extract_extra_data(self, data: Claims) -> dict[str, Any]:
        return {}  # claims are read at each sign-in and kept nowhere

    def extract_email_addresses(self, data: Claims) -> list[EmailAddress]:
        return []  # no account is found by its address

    def get_oauth2_adapter(self, request: HttpRequest) -> "CheckedOpenID":
        return CheckedOpenID(request)


def provider_for(request: HttpRequest) -> IdentityProvider:
    app = SocialApp(
        provider="openid_connect",
        provider_id=settings.OIDC_ISSUER,  # a subject means nothing at another issuer
        name=settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        secret=settings.OIDC_CLIENT_SECRET,
        settings={
            "server_url": settings.OIDC_ISSUER.rstrip("/"),
            "oauth_pkce_enabled": True,
            "scope": settings.OIDC_SCOPES,
        },
    )
    return IdentityProvider(request, app=app)


def is_connected(user: User) -> bool:
    is_there: bool = SocialAccount.objects.filter(user=user, provider=settings.OIDC_ISSUER).exists()
    return is_there


class CheckedOpenID(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Exchanges the code and checks what comes back."""

    def __init__(self, request: HttpRequest, nonce: str = "") -> None:
        super().__init__(request, settings.OIDC_ISSUER)
        self.nonce = nonce

    def get_provider(self) -> IdentityProvider:
        return provider_for(self.request)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        url: str = build_absolute_uri(request, reverse("sso_callback"))
        return url

    @cached_property
    def openid_config(self) -> Claims:
        """Returns what the provider publishes of itself. It has to name the issuer that it was asked as."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.get_provider().server_url)
            answer.raise_for_status()
            found = answer.json()
        if not isinstance(found, dict) or not found.keys() >= PUBLISHED:
            raise OAuth2Error("The identity provider does not say where its pages are.")
        if found["issuer"] != settings.OIDC_ISSUER:
            raise OAuth2Error(f"The identity provider calls itself {found['issuer']!r}, and OIDC_ISSUER is another.")
        return found

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, *, response: Claims
    ) -> SocialLogin:
        claims = self.checked_claims(response.get("id_token"))
        if "userinfo_endpoint" in self.openid_config:
            more = self._fetch_user_info(token.token)
            if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
                raise OAuth2Error("The identity provider's user info is of somebody else.")
            claims = {**more, **claims}
        login = self.get_provider().sociallogin_from_response(request, {"id_token": claims})
        login.claims = claims
        return login

    def checked_claims(self, id_token: Json) -> dict[str, Any]:
        """Returns the claims of an ID token that this provider signed, for us, for this sign-in, and lately."""
        if not isinstance(id_token, str):
            raise OAuth2Error("The identity provider sent no ID token.")
        try:
            key = self.signing_key(jwt.get_unverified_header(id_token).get("kid"))
            claims = jwt.decode(
                id_token, key, algorithms=ALGORITHMS, audience=settings.OIDC_CLIENT_ID, issuer=settings.OIDC_ISSUER,
                leeway=LEEWAY_S, options={"require": REQUIRED},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise OAuth2Error(f"The identity provider's token is not good: {error}") from error
        if not self.nonce or not compare_digest(str(claims.get("nonce", "")).encode(), self.nonce.encode()):
            raise OAuth2Error("The identity provider's token belongs to another sign-in: its nonce differs.")
        is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if is_for_several else settings.OIDC_CLIENT_ID) != settings.OIDC_CLIENT_ID:
            raise OAuth2Error("The identity provider's token was made for another application.")
        return claims

    def signing_key(self, key_id: Json) -> Any:
        """Finds the key that a token names. A token that names none gets the only one there is."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = [one for one in jwt.PyJWKSet.from_dict(answer.json()).keys if one.public_key_use in (None, "sig")]
        fitting = [one for one in keys if one.key_id == key_id] if key_id else keys
        if len(fitting) != 1:
            raise OAuth2Error("The identity provider's token names a key that it does not publish.")
        return fitting[0].key


class Callback(OAuth2CallbackView):  # type: ignore[misc]
    """Takes the person back from the identity provider."""

    def _get_state(
        self, request: HttpRequest, provider: IdentityProvider
    ) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        state, answer = super()._get_state(request, provider)
        self.adapter.nonce = (state or {}).get("nonce", "")
        return state, answer
