"""How the generator gets in: the same site file, authentication and TLS as the checks, on a faster client."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.run.session import read_site
from ldt_conformance.engine.site.endpoints import Endpoint
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.transport.auth import make_auth, tls_context
from ldt_load.plan import Plan

REUSE_SECONDS = 1.0  # how long computed authentication headers are used again; tokens are renewed well before they end


@dataclass(frozen=True, slots=True)
class Access:
    """Where the broker is, and what every request to it carries.

    Attributes:
        url: API root.
        headers: Returns the headers of a request that leaves now.
        tls: None for plain HTTP.
        proxy: Host and port, or None.
    """

    url: str
    headers: Callable[[], dict[str, str]]
    tls: ssl.SSLContext | None
    proxy: tuple[str, int] | None


def open_access(plan: Plan) -> Access:
    """The access that the plan's site file gives.

    Raises:
        SiteError: A secret or certificate cannot be used, or the proxy is of a kind that the generator does not speak.
    """
    site, directory = read_site(plan.site_file or plan.url)
    endpoint = site.endpoints["broker"]
    secrets = Secrets(environ=os.environ, directory=Path(directory))
    secure = plan.url.startswith("https://")
    tls = tls_context(endpoint, directory, secrets, "endpoints.broker") if secure else None

    def token_client() -> httpx.Client:
        verify = tls_context(endpoint, directory, secrets, "endpoints.broker")
        return httpx.Client(verify=verify, proxy=endpoint.proxy, timeout=endpoint.timeout_seconds)

    auth = make_auth(endpoint, "endpoints.broker", secrets, token_client)
    if secrets.problems:
        raise SiteError(secrets.problems)
    return Access(plan.url, _headers(endpoint, auth, plan.url), tls, _proxy(endpoint))


def _headers(endpoint: Endpoint, auth: httpx.Auth | None, url: str) -> Callable[[], dict[str, str]]:
    fixed = dict(endpoint.headers) | ({"NGSILD-Tenant": endpoint.tenant} if endpoint.tenant else {})
    if auth is None:
        return lambda: fixed
    state: dict[str, tuple[float, dict[str, str]]] = {}

    def current() -> dict[str, str]:
        made, headers = state.get("headers", (-REUSE_SECONDS, fixed))
        now = time.monotonic()
        if now - made >= REUSE_SECONDS:
            request = httpx.Request("GET", url)
            bare = set(request.headers)
            request = next(auth.auth_flow(request))
            added = {name: value for name, value in request.headers.items() if name not in bare}
            headers = fixed | added
            state["headers"] = (now, headers)
        return headers

    return current


def _proxy(endpoint: Endpoint) -> tuple[str, int] | None:
    if endpoint.proxy is None:
        return None
    proxy = httpx.URL(endpoint.proxy)
    if proxy.scheme != "http":
        raise SiteError(
            [f"endpoints.broker.proxy: the load generator speaks to http:// proxies only, not {proxy.scheme}://"]
        )
    return proxy.host, proxy.port or 80
