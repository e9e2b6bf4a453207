"""The twin under test: one client for each role that the site file names."""

from __future__ import annotations

import ipaddress
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.site.endpoints import Endpoint, MtlsAuth, NoAuth
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.transport.auth import make_auth, tls_context
from ldt_conformance.engine.transport.client import Client, Services
from ldt_conformance.engine.verdicts import Reason, not_applicable

NGSI_LD_ROOT = "/ngsi-ld/v1"
USER_AGENT = "ldt-harness"


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, judged by its name alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def api_root(endpoint: Endpoint, role: str) -> str:
    """The URL under which an endpoint's API starts, without a slash at its end.

    For an NGSI-LD endpoint, given as server root or with `/ngsi-ld/v1`, it ends in `/ngsi-ld/v1`. `prefix` comes
    between host and path unless it is there already.
    """
    parts = urlsplit(endpoint.url or "")
    path = parts.path.rstrip("/")
    prefix = (endpoint.prefix or "").rstrip("/")
    if prefix and not (path == prefix or path.startswith(prefix + "/")):
        path = prefix + path
    speaks_ngsi_ld = endpoint.api == "ngsi-ld" or (endpoint.api is None and role in {"broker", "history"})
    if speaks_ngsi_ld and not path.endswith(NGSI_LD_ROOT):
        path += NGSI_LD_ROOT
    query = f"?{parts.query}" if endpoint.api == "link" and parts.query else ""  # a link is asked as it was given
    return f"{parts.scheme}://{parts.netloc}{path}{query}"


class Target:
    """Clients by role, made when first asked for. A context manager: it holds connections.

    Args:
        directory: What relative paths in the site file start from.
        secrets: Filled while clients are made.
    """

    def __init__(self, site: Site, directory: Path, services: Services, secrets: Secrets) -> None:
        self.site = site
        self.directory = directory
        self._services = services
        self._secrets = secrets
        self._clients: dict[str, Client] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._stack.close()

    @property
    def loopback(self) -> bool:
        """Whether every part that has a URL is on this machine."""
        urls = [endpoint.url for endpoint in self.site.endpoints.values() if endpoint.url is not None]
        return bool(urls) and all(is_loopback(url) for url in urls)

    def endpoint(self, role: str) -> Endpoint | None:
        """The endpoint that plays a role; an NGSI-LD broker also serves the history unless another is named."""
        found = self.site.endpoints.get(role)  # type: ignore[call-overload]  # any role name may be asked for
        if found is None and role == "history":
            broker = self.site.endpoints.get("broker")
            return broker if broker is not None and broker.api in {None, "ngsi-ld"} else None
        return found if isinstance(found, Endpoint) else None

    def has(self, role: str) -> bool:
        """Whether the twin has that role, as URL or as file."""
        return self.endpoint(role) is not None

    def file(self, role: str) -> Path | None:
        """The file that stands for a role's answer; None where the role is a URL or not there."""
        endpoint = self.endpoint(role)
        return self.directory / endpoint.file if endpoint is not None and endpoint.file is not None else None

    def client(self, role: str) -> Client:
        """The client of a role; the check is not applicable where the twin has no such URL (reason NO_ENDPOINT)."""
        if role not in self._clients:
            endpoint = self.endpoint(role)
            if endpoint is None or endpoint.url is None:
                not_applicable(Reason.NO_ENDPOINT, f"the site file names no URL for the role {role}")
            self._clients[role] = self._make(role, endpoint)
        return self._clients[role]

    def open(self, url: str, role: str = "link") -> Client:
        """A client for any other URL that a document of the twin points to: read-only use, without credentials."""
        key = f"{role} {url}"
        if key not in self._clients:
            self._clients[key] = self._make(role, Endpoint(url=url, api="link"))
        return self._clients[key]

    def mqtt_passwords(self) -> tuple[str | None, ...]:
        """The password of each MQTT server of the site file, in its order; None where it has none."""
        return tuple(
            None if server.password is None else self._secrets.resolve(server.password, f"mqtt.{index}.password")
            for index, server in enumerate(self.site.mqtt)
        )

    def connect_all(self) -> None:
        """Make every client, so that an unusable secret or certificate is told before anything is sent.

        Raises:
            SiteError: All problems at once.
        """
        problems: list[str] = []
        for role, endpoint in self.site.endpoints.items():
            if endpoint.url is None:
                if endpoint.file is not None and not (self.directory / endpoint.file).is_file():
                    problems.append(f"endpoints.{role}.file: {self.directory / endpoint.file} does not exist")
                continue
            try:
                self.client(role)
            except SiteError as error:
                problems += error.problems
        self.mqtt_passwords()
        problems += self._secrets.problems
        if problems:
            raise SiteError(problems)

    def _make(self, role: str, endpoint: Endpoint) -> Client:
        where = f"endpoints.{role}"
        tls = tls_context(endpoint, self.directory, self._secrets, where)
        loopback = is_loopback(endpoint.url or "")

        def open_http() -> httpx.Client:
            return httpx.Client(
                verify=tls,
                proxy=endpoint.proxy,
                timeout=endpoint.timeout_seconds,
                trust_env=not loopback,
                headers={"user-agent": USER_AGENT},
            )

        return Client(
            role=role,
            base_url=api_root(endpoint, role),
            http=self._stack.enter_context(open_http()),
            services=self._services,
            loopback=loopback,
            auth=make_auth(endpoint, f"{where}.auth", self._secrets, open_http)
            if not isinstance(endpoint.auth, NoAuth)
            else None,
            headers=endpoint.headers,
            tenant=endpoint.tenant,
            curl_options=_curl_options(endpoint),
        )


def _curl_options(endpoint: Endpoint) -> str:
    options = [f"--cacert {endpoint.ca}"] if endpoint.ca else []
    options += [f"--proxy {endpoint.proxy}"] if endpoint.proxy else []
    if isinstance(endpoint.auth, MtlsAuth):
        options.append(f"--cert {endpoint.auth.certificate}")
        options += [f"--key {endpoint.auth.key}"] if endpoint.auth.key else []
    return " ".join(options)
