"""Every kind of authentication a site file can name, as `httpx.Auth` and TLS settings.

Tokens are fetched when first needed, renewed before they expire, and once more after a 401. Token requests go to the
site's own token endpoint; they are no part of the evidence, because they are made of secrets.
"""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx

from ldt_conformance.engine.errors import EngineError, SiteError
from ldt_conformance.engine.site.endpoints import (
    BasicAuth,
    BearerAuth,
    Endpoint,
    HeaderAuth,
    MtlsAuth,
    OAuth2Auth,
    OidcAuth,
    S3Auth,
)
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.transport.aws_sigv4 import S3Signature

DEFAULT_LIFETIME_SECONDS = 300.0  # RFC 6749 5.1 only recommends expires_in
RENEW_SHARE = 0.2  # of the lifetime, at most RENEW_SECONDS, before its end
RENEW_SECONDS = 30.0


class TokenError(EngineError):
    """The token endpoint gave no token: an authentication root cause, never a verdict."""

    exit_code = 3


class StaticHeader(httpx.Auth):
    """One header that stays the same."""

    def __init__(self, name: str, value: str, curl: str) -> None:
        self._name = name
        self._value = value
        self.curl = curl

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers[self._name] = self._value
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2.0 client credentials (RFC 6749 4.4); the token endpoint is given or discovered.

    Args:
        http: A client for the token endpoint (its TLS and proxy are the endpoint's).
        remember: Told each token, so that it is masked from then on.
    """

    curl = '-H "Authorization: Bearer ${LDT_ACCESS_TOKEN}"'

    def __init__(
        self,
        settings: OAuth2Auth | OidcAuth,
        client_secret: str,
        http: Callable[[], httpx.Client],
        remember: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._secret = client_secret
        self._http = http
        self._remember = remember
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0
        self._endpoint: tuple[str, str] | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token; a 401 is answered once with a fresh one."""
        used = self._current()
        request.headers["authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            request.headers["authorization"] = f"Bearer {self._current(rejected=used)}"
            yield request

    def _current(self, rejected: str | None = None) -> str:
        with self._lock:
            if not self._token or self._token == rejected or time.monotonic() >= self._renew_at:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        with self._http() as client:
            url, how = self._token_endpoint(client)
            data = {"grant_type": "client_credentials"}
            data |= {"scope": self._settings.scope} if self._settings.scope else {}
            data |= {"audience": self._settings.audience} if self._settings.audience else {}
            headers = {"accept": "application/json"}
            if how == "basic":
                # RFC 6749 2.3.1: both are form-encoded before they are joined.
                headers["authorization"] = basic_value(quote_plus(self._settings.client_id), quote_plus(self._secret))
            else:
                data |= {"client_id": self._settings.client_id, "client_secret": self._secret}
            body = _json_answer(client, "POST", url, data=data, headers=headers)
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            raise TokenError(f"{url} answered without access_token; expected a token response of RFC 6749 5.1")
        lifetime = _seconds(body.get("expires_in"))
        self._renew_at = time.monotonic() + lifetime - min(RENEW_SECONDS, RENEW_SHARE * lifetime)
        self._token = token
        self._remember(token)

    def _token_endpoint(self, client: httpx.Client) -> tuple[str, str]:
        if self._endpoint is None:
            if isinstance(self._settings, OAuth2Auth):
                self._endpoint = self._settings.token_url, self._settings.client_auth
            else:
                self._endpoint = self._discover(client, self._settings)
        return self._endpoint

    @staticmethod
    def _discover(client: httpx.Client, settings: OidcAuth) -> tuple[str, str]:
        url = settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = _json_answer(client, "GET", url)
        if str(metadata.get("issuer", "")).rstrip("/") != settings.issuer.rstrip("/"):
            raise TokenError(
                f"{url} names the issuer {metadata.get('issuer')!r}; expected {settings.issuer!r} "
                "(OpenID Connect Discovery 1.0 section 4.3). Is the issuer in the site file right?"
            )
        endpoint = metadata.get("token_endpoint")
        if not isinstance(endpoint, str):
            raise TokenError(f"{url} names no token_endpoint")
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        how = settings.client_auth or ("basic" if "client_secret_basic" in offered else "post")
        return endpoint, how


def _json_answer(client: httpx.Client, method: str, url: str, **arguments: Any) -> dict[str, Any]:
    try:
        response = client.request(method, url, **arguments)
    except httpx.HTTPError as error:
        raise TokenError(f"{url} could not be reached for a token: {error.__class__.__name__}: {error}") from error
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code != httpx.codes.OK or not isinstance(body, dict):
        reason = body.get("error", "") if isinstance(body, dict) else "no JSON"
        raise TokenError(
            f"{url} answered {response.status_code} {reason} to the request for a token; expected 200 and JSON. "
            "Are client_id and client_secret right, and may the client use client credentials?"
        )
    return body


def _seconds(expires_in: Any) -> float:
    try:
        return max(0.0, float(expires_in))
    except (TypeError, ValueError):
        return DEFAULT_LIFETIME_SECONDS


def basic_value(username: str, password: str) -> str:
    """The value of a Basic Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def tls_context(endpoint: Endpoint, directory: Path, secrets: Secrets, where: str) -> ssl.SSLContext:
    """TLS as the endpoint wants it: the system's (certifi's) authorities, its own CA besides, a client certificate.

    Raises:
        SiteError: A certificate's file cannot be read or is none.
    """
    context = httpx.create_ssl_context()
    try:
        if endpoint.ca is not None:
            context.load_verify_locations(cafile=str(directory / endpoint.ca))
        if isinstance(endpoint.auth, MtlsAuth):
            password = endpoint.auth.key_password
            context.load_cert_chain(
                str(directory / endpoint.auth.certificate),
                str(directory / endpoint.auth.key) if endpoint.auth.key else None,
                password=secrets.resolve(password, f"{where}.auth.key_password") if password is not None else "",
            )
    except (OSError, ssl.SSLError) as error:
        raise SiteError(
            [f"{where}: a certificate file cannot be used: {error}; paths are relative to the site file"]
        ) from error
    return context


def make_auth(
    endpoint: Endpoint, where: str, secrets: Secrets, token_client: Callable[[], httpx.Client]
) -> httpx.Auth | None:
    """The authentication of an endpoint; unreadable secrets are noted in `secrets.problems`."""
    auth = endpoint.auth
    if isinstance(auth, HeaderAuth):
        return StaticHeader(auth.name, secrets.resolve(auth.value, where), f'-H "{auth.name}: {_shown(auth.value)}"')
    if isinstance(auth, BearerAuth):
        token = secrets.resolve(auth.token, where)
        return StaticHeader("authorization", f"Bearer {token}", f'-H "Authorization: Bearer {_shown(auth.token)}"')
    if isinstance(auth, BasicAuth):
        value = basic_value(auth.username, secrets.resolve(auth.password, where))
        secrets.add(value.removeprefix("Basic "), "${LDT_BASIC_CREDENTIALS}")
        return StaticHeader("authorization", value, f'-u "{auth.username}:{_shown(auth.password)}"')
    if isinstance(auth, OAuth2Auth | OidcAuth):
        secret = secrets.resolve(auth.client_secret, where)
        return ClientCredentials(auth, secret, token_client, lambda token: secrets.add(token, "${LDT_ACCESS_TOKEN}"))
    if isinstance(auth, S3Auth):
        return S3Signature(
            secrets.resolve(auth.access_key, where), secrets.resolve(auth.secret_key, where), auth.region,
            f'--aws-sigv4 "aws:amz:{auth.region}:s3" --user "{_shown(auth.access_key)}:{_shown(auth.secret_key)}"',
        )  # fmt: skip
    return None


def _shown(reference: Any) -> str:
    return reference if isinstance(reference, str) else f"$(cat {reference.file})"
