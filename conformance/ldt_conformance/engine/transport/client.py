"""The only way to a target: safety, journal first, budget, evidence and masking, on top of httpx.

A check gets a `Client` for a role and never sees httpx. An answer of any status is a `Response`; only the absence of an
answer ends the check, as inconclusive, because a network says nothing about conformance.
"""

from __future__ import annotations

import json as json_module
import re
import secrets as random
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from ldt_conformance.engine.errors import SafetyRefused, WorkFolderError
from ldt_conformance.engine.run_context import RunSettings
from ldt_conformance.engine.transport.auth import TokenError
from ldt_conformance.engine.transport.budget import Budget
from ldt_conformance.engine.transport.evidence import Exchange, Recorder, body_text, cap
from ldt_conformance.engine.transport.journal import Journal, Resource, last_segment
from ldt_conformance.engine.transport.masking import NOT_SHOWN, Masker
from ldt_conformance.engine.transport.plan import Plan
from ldt_conformance.engine.transport.redirects import other_spelling
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.transport.safety import BATCH, READS, Intent, judge
from ldt_conformance.engine.verdicts import CheckNotRun, Mode, Reason, inconclusive

__all__ = ["UNSET", "Client", "Resource", "Response"]


class _Unset:
    """No JSON body; None would be the body `null`."""


UNSET: Final = _Unset()
BODY_LIMIT = 16 * 1024 * 1024  # bytes of an answer that are read
REDIRECTS = 5
REMOVAL_COST = 3  # requests that removing one resource takes: delete it, delete its history, look whether it is gone
REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Services:
    """What every client of one process shares."""

    settings: RunSettings
    journal: Journal
    budget: Budget
    recorder: Recorder
    masker: Masker
    plan: Plan | None = None


class Client:
    """Requests to one role of the twin; made by `ldt_conformance.engine.transport.target.Target`.

    Attributes:
        base_url: The API root (for NGSI-LD it ends in `/ngsi-ld/v1`), without a slash at its end.
        loopback: The target is this machine.
        tenant: NGSI-LD tenant of the site file, sent as `NGSILD-Tenant`; None is the default tenant.
    """

    def __init__(
        self,
        *,
        role: str,
        base_url: str,
        http: httpx.Client,
        services: Services,
        loopback: bool,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        tenant: str | None = None,
        curl_options: str = "",
    ) -> None:
        self.role = role
        self.base_url = base_url
        self.loopback = loopback
        self.tenant = tenant
        self._http = http
        self._services = services
        self._auth = auth
        self._headers = headers
        self._curl_options = curl_options

    @property
    def authenticated(self) -> bool:
        """Whether the site file gives credentials for this role."""
        return self._auth is not None or "--cert" in self._curl_options

    def owned_id(self, kind: str) -> str:
        """A fresh URN that bears this run's marker, e.g. `urn:ngsi-ld:LdtCheck7f3a9c21Vehicle:5b…`."""
        return f"urn:ngsi-ld:{self._services.settings.prefix}{kind}:{random.token_hex(6)}"

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = UNSET,
        content: bytes | str | None = None,
        creates: Sequence[Resource] = (),
        touches: Sequence[Resource] = (),
        expects_refusal: bool = False,
        auth: bool = True,
        follow_redirects: bool = False,
        timeout: float | None = None,
    ) -> Response:
        """Send one request.

        Args:
            method: HTTP method.
            path: Relative to the API root, e.g. `/entities`; or an absolute URL on the same origin.
            params: Query parameters; a value None is left out.
            headers: Besides those of the site file; a value "" removes a default.
            json: Body, sent as `application/json` unless a content-type is given.
            content: Body as it is, where `json` would not do.
            creates: What the target will hold when it accepts this; journalled first, removed when the check ends.
            touches: What a PATCH, PUT, POST or DELETE acts on; only what this run created.
            expects_refusal: The request is malformed on purpose; it must name nothing that is not ours.
            auth: False sends no credentials.
            follow_redirects: Follow up to five, without credentials where they lead to another origin.
            timeout: Seconds; None is the site file's.

        Raises:
            SafetyRefused: Mode or declaration do not allow it.
            JournalError: The intent could not be put on disk; nothing was sent.
            WorkFolderError: Evidence or request count could not be put on disk.
            CheckInconclusive: No answer (UNREACHABLE, TIMEOUT) or no token (AUTH).
            CheckNotRun: The request budget is spent.
        """
        request = self._build(method.upper(), path, params, headers, json, content, timeout)
        intent = self._intent(request, creates, touches, expects_refusal)
        judge(intent, self._services.settings.mode, self._owned)
        if self._services.plan is not None:
            return self._services.plan.answer(self.role, request, intent, self._services.recorder.check)
        self._announce_contexts(request)
        numbers = self._announce(intent, request)
        try:
            response = self._exchange(request, auth=auth, reserve=REMOVAL_COST * len(numbers))
            again = other_spelling(request, response.status, response.headers.get("location"))
            if again is not None:
                response = self._exchange(again, auth=auth, reserve=REMOVAL_COST * len(numbers))
        except CheckNotRun:  # the budget: it did not leave
            self._services.journal.removed_all(numbers)
            raise
        self._settle(numbers, response)
        self._note_implied_context(request, response)
        if follow_redirects:
            response = self._follow(response, request, auth)
        return response

    def get(self, path: str, **arguments: Any) -> Response:
        """`request("GET", …)`."""
        return self.request("GET", path, **arguments)

    def tidy(self, method: str, path: str, *, tenant: str | None, params: Mapping[str, Any] | None = None) -> Response:
        """A request of the clean-up itself: it acts on journalled things alone, and its cost was reserved before."""
        if method not in {"GET", "HEAD", "DELETE"}:
            raise SafetyRefused(f"the clean-up never sends {method}")
        request = self._build(method, path, params, {"ngsild-tenant": tenant or ""}, UNSET, None, None)
        return self._exchange(request, auth=True, exempt=True)

    def _build(
        self, method: str, path: str, params: Any, headers: Mapping[str, str] | None, json: Any, content: Any,
        timeout: float | None,
    ) -> httpx.Request:  # fmt: skip
        absolute = path.startswith(("http://", "https://"))
        url = httpx.URL(path if absolute else self.base_url + path)
        if absolute and _origin(url) != _origin(httpx.URL(self.base_url)):
            raise ValueError(f"{path} is not on the origin of role {self.role}; make a client for it: target.open(url)")
        if params is not None:
            pairs = params.items() if isinstance(params, Mapping) else params
            url = url.copy_merge_params([(name, _parameter(value)) for name, value in pairs if value is not None])
        if not isinstance(json, _Unset):
            content = json_module.dumps(json, ensure_ascii=False).encode()
        all_headers = {name.lower(): value for name, value in self._headers.items()}
        if not isinstance(json, _Unset):
            all_headers["content-type"] = "application/json"
        if self.tenant is not None:
            all_headers["ngsild-tenant"] = self.tenant
        all_headers |= {name.lower(): value for name, value in (headers or {}).items()}
        request = self._http.build_request(
            method, url, content=content, timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT
        )
        for name, value in all_headers.items():
            if value:
                request.headers[name] = value
            else:
                request.headers.pop(name, None)
        return request

    def _intent(
        self, request: httpx.Request, creates: Sequence[Resource], touches: Sequence[Resource], expects_refusal: bool
    ) -> Intent:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        root = urlsplit(self.base_url).path.rstrip("/")
        return Intent(
            method=request.method,
            path=path[len(root) :] if path.startswith(root) else path,
            query=query,
            body=request.content,
            content_type=request.headers.get("content-type", ""),
            creates=creates,
            touches=touches,
            expects_refusal=expects_refusal,
        )

    def _owned(self, identifier: str) -> bool:
        return self._services.settings.owns(identifier) or self._services.journal.knows(identifier)

    def _announce(self, intent: Intent, request: httpx.Request) -> list[str]:
        """Journal what is to be created; also what a request that expects refusal would create if accepted."""
        resources = list(intent.creates)
        if intent.expects_refusal and not resources and intent.method == "POST" and not BATCH.match(intent.path):
            resources = [Resource(kind="other", id=None, path=intent.path)]
        return self._journal(request, resources)

    def _journal(self, request: httpx.Request, resources: Sequence[Resource]) -> list[str]:
        tenant = request.headers.get("ngsild-tenant")
        marker = self._services.settings.prefix
        return self._services.journal.create_all(self.role, resources, marker, tenant)

    def _announce_contexts(self, request: httpx.Request) -> None:
        """An @context of ours that a request names is kept by the broker, kind Cached (CIM 009 5.13), until deleted."""
        if not self._services.settings.mode.allows(Mode.SANDBOX_WRITE):
            return
        pattern = rf"https?://[^\s\"'<>]*{self._services.settings.prefix}[^\s\"'<>]*\.jsonld"
        named = re.findall(pattern, request.headers.get("link", "") + body_text(request.content))
        fresh = [url for url in dict.fromkeys(named) if not self._services.journal.holds(url)]
        self._journal(request, [Resource("context", url, f"/jsonldContexts/{quote(url, safe='')}") for url in fresh])

    def _settle(self, numbers: list[str], response: Response) -> None:
        """What was refused needs no removal; what the server named itself is noted by its name."""
        if len(numbers) != 1:
            return
        entry = self._services.journal.left[numbers[0]]
        location = response.headers.get("location")
        if entry.resource.kind == "entity-map":  # made on the way: the header says which (CIM 009 6.4.3.2)
            location = response.headers.get("ngsild-entitymap")
        if 300 <= response.status < 500:
            self._services.journal.removed(entry.number)
        elif location and last_segment(location) != entry.resource.id:
            self._services.journal.named(entry.number, location)

    def _note_implied_context(self, request: httpx.Request, response: Response) -> None:
        """A broker may host the @context of a body itself and name it in its answer's Link (CIM 009 6.3.5)."""
        hosted = re.search(rf"<({re.escape(self.base_url)}/jsonldContexts/[^>]+)>", response.headers.get("link", ""))
        given = re.search(r'"@context"\s*:(.*)', body_text(request.content), re.DOTALL)
        ours = given is not None and self._services.settings.prefix in given.group(1)
        if hosted is None or not ours or not self._services.settings.mode.allows(Mode.SANDBOX_WRITE):
            return
        name = last_segment(hosted.group(1))
        if not self._services.journal.holds(name):
            self._journal(request, [Resource("context", name, f"/jsonldContexts/{quote(name, safe=':')}")])

    def _exchange(self, request: httpx.Request, *, auth: bool, reserve: int = 0, exempt: bool = False) -> Response:
        services = self._services
        # What was created is removed even where nothing can be written any more; all else ends the run.
        noting = suppress(WorkFolderError) if exempt else nullcontext()
        with noting:
            services.budget.take(reserve=reserve, exempt=exempt)
        identifier = services.recorder.next_id()
        credentialed = auth and self.authenticated
        started = datetime.now(UTC)
        clock = time.perf_counter()
        try:
            answer, content, truncated = self._send(request, auth=auth)
        except (httpx.HTTPError, httpx.InvalidURL, TokenError) as error:
            seconds = time.perf_counter() - clock
            with noting:
                services.recorder.add(
                    self._record(identifier, request, None, b"", error, started, seconds, credentialed)
                )
            self._no_answer(request, error)
        seconds = time.perf_counter() - clock
        with noting:
            services.budget.received(len(content), refused=answer.status_code in REFUSED, credentialed=credentialed)
            services.recorder.add(
                self._record(identifier, request, answer, content, None, started, seconds, credentialed)
            )
        return Response(
            status=answer.status_code,
            headers=answer.headers,
            content=content,
            exchange=identifier,
            elapsed_seconds=seconds,
            url=str(request.url),
            truncated=truncated,
        )

    def _send(self, request: httpx.Request, *, auth: bool) -> tuple[httpx.Response, bytes, bool]:
        answer = self._http.send(request, stream=True, auth=self._auth if auth else None, follow_redirects=False)
        try:
            parts: list[bytes] = []
            size = 0
            for part in answer.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > BODY_LIMIT:
                    break
        finally:
            answer.close()
        content = b"".join(parts)
        return answer, content[:BODY_LIMIT], len(content) > BODY_LIMIT

    def _no_answer(self, request: httpx.Request, error: Exception) -> None:
        said = self._services.masker.text(f"{error.__class__.__name__}: {error}")
        if isinstance(error, TokenError):
            inconclusive(Reason.AUTH, said, expected="a token for the request")
        reason = Reason.TIMEOUT if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout) else Reason.UNREACHABLE
        inconclusive(reason, f"{request.method} {self._shown_url(request)}: {said}", expected="an answer")

    def _follow(self, response: Response, request: httpx.Request, auth: bool) -> Response:
        for _ in range(REDIRECTS):
            location = response.headers.get("location")
            if response.status not in {301, 302, 303, 307, 308} or not location or request.method not in READS:
                return response
            target = httpx.URL(response.url).join(location)
            auth = auth and _origin(target) == _origin(httpx.URL(self.base_url))
            kept = {
                name: value for name, value in request.headers.items() if name.lower() in {"accept", "accept-language"}
            }
            request = self._http.build_request(request.method, target, headers=kept)
            response = self._exchange(request, auth=auth)
        return response

    def _shown_url(self, request: httpx.Request) -> str:
        return self._services.masker.text(str(request.url))

    def _record(
        self, identifier: str, request: httpx.Request, answer: httpx.Response | None, content: bytes,
        error: Exception | None, started: datetime, seconds: float, credentialed: bool,
    ) -> Exchange:  # fmt: skip
        masker = self._services.masker
        body = masker.text(body_text(request.content))
        return Exchange(
            id=identifier,
            check=self._services.recorder.check,
            role=self.role,
            method=request.method,
            url=self._shown_url(request),
            request_headers=masker.headers(request.headers),
            request_body=cap(body),
            status=answer.status_code if answer is not None else None,
            response_headers=masker.headers(answer.headers) if answer is not None else {},
            response_body=cap(masker.text(body_text(content))),
            error=masker.text(f"{error.__class__.__name__}: {error}") if error is not None else None,
            started=f"{started:%Y-%m-%dT%H:%M:%S.%f}Z",
            seconds=seconds,
            curl=self._curl(request, body, credentialed),
            credentialed=credentialed,
        )

    def _curl(self, request: httpx.Request, body: str, credentialed: bool) -> str:
        """A command that sends this request again, secrets by name."""
        parts = ["curl", "-i", "-X", request.method, shlex.quote(self._shown_url(request))]
        own = getattr(self._auth, "header_name", "authorization")
        skipped = {"host", "accept-encoding", "connection", "content-length", "user-agent", "authorization"}
        skipped |= {own.lower(), "x-amz-date", "x-amz-content-sha256"}
        for name, value in self._services.masker.headers(request.headers).items():
            if name not in skipped:
                shown = "…" if value == NOT_SHOWN else value
                parts += ["-H", shlex.quote(f"{name}: {shown}")]
        if credentialed:
            parts.append(" ".join(filter(None, (getattr(self._auth, "curl", ""), self._curl_options))))
        elif self._curl_options:
            parts.append(self._curl_options)
        if body:
            parts += ["--data-binary", shlex.quote(cap(body))]
        return " ".join(filter(None, parts))


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
