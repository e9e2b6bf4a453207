"""The site file, `ldt.yaml`, as data: where a twin's parts are, what it claims, what a run may do to it.

Reading a file, with every mistake told at once, is in `site_file`; this module is the model alone, from which the
published JSON Schema (`docs/ldt.schema.json`) is made.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ldt_conformance.engine.secret_refs import SecretRef
from ldt_conformance.engine.verdicts import Mode

NGSI_LD_VERSIONS = ("1.3.1", "1.4.1", "1.5.1", "1.6.1", "1.7.1", "1.8.1", "1.9.1")
DEFAULT_NGSI_LD = "1.8.1"
EDIC_PROFILES = ("descriptive", "diagnostic", "predictive", "prospective", "prescriptive", "autonomous")
ANSWER_LAYERS = (
    "data_sources",
    "data_acquisition",
    "interoperability",
    "knowledge",
    "orchestration",
    "services",
    "visualization",
)
SECRET_PARAMETER = re.compile(r"(?i)^(api[-_]?key|key|token|access[-_]?token|secret|password|passwd|sig|signature)$")

Role = Literal[
    "broker",
    "history",
    "objects",
    "forecaster",
    "identity",
    "catalogue",
    "portal",
    "visualisation",
    "pipelines",
    "api",
    "model",
    "features",
    "sensorthings",
    "processes",
    "tiles",
    "connector",
    "registry",
    "contexts",
    "monitoring",
    "alerts",
    "scenarios",
]


class SiteModel(BaseModel):
    """Closed and immutable, like every part of the site file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_credentials(value: Any) -> Any:
    """A URL in the file is printed in reports, so it carries neither user nor key."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise PydanticCustomError("url_invalid", "not a URL: {problem}", {"problem": str(error)}) from error
    if parts.scheme not in {"http", "https"} or not host:
        raise PydanticCustomError("url_invalid", "expected a URL that starts with http:// or https:// and names a host")
    if parts.password is not None or parts.username is not None:
        raise PydanticCustomError(
            "secret_literal", "a URL must not carry user or password; use auth: {kind: basic, …} with ${NAME}"
        )
    if any(SECRET_PARAMETER.match(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise PydanticCustomError(
            "secret_literal", "a URL must not carry a key; use auth: {kind: header, name: …, value: ${NAME}}"
        )
    return value


def _version(value: Any) -> Any:
    """YAML reads 1.8 as a number, and people write 1.8 for the edition 1.8.1."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    return f"{text}.1" if isinstance(text, str) and f"{text}.1" in NGSI_LD_VERSIONS else text


Url = Annotated[str, BeforeValidator(_without_credentials), Field(json_schema_extra={"format": "uri"})]
NgsiLdVersion = Annotated[
    Literal["1.3.1", "1.4.1", "1.5.1", "1.6.1", "1.7.1", "1.8.1", "1.9.1"], BeforeValidator(_version)
]


class NoAuth(SiteModel):
    """Open to everybody."""

    kind: Literal["none"] = "none"


class HeaderAuth(SiteModel):
    """A key in a header of the site's choice."""

    kind: Literal["header"]
    name: str = Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    value: SecretRef


class BearerAuth(SiteModel):
    """A token that does not change during a run."""

    kind: Literal["bearer"]
    token: SecretRef


class BasicAuth(SiteModel):
    """User and password (RFC 7617)."""

    kind: Literal["basic"]
    username: str
    password: SecretRef


class OAuth2Auth(SiteModel):
    """OAuth 2.0 client credentials (RFC 6749 section 4.4)."""

    kind: Literal["oauth2"]
    token_url: Url
    client_id: str
    client_secret: SecretRef
    scope: str | None = None
    audience: str | None = None
    client_auth: Literal["basic", "post"] = "basic"  # how the client proves itself at the token endpoint


class OidcAuth(SiteModel):
    """Client credentials at an OpenID provider that is found by its issuer (OpenID Connect Discovery 1.0)."""

    kind: Literal["oidc"]
    issuer: Url
    client_id: str
    client_secret: SecretRef
    scope: str | None = "openid"
    audience: str | None = None
    client_auth: Literal["basic", "post"] | None = None  # None: what the provider's metadata offers


class MtlsAuth(SiteModel):
    """A client certificate; paths are relative to the site file."""

    kind: Literal["mtls"]
    certificate: str
    key: str | None = None  # None: in the certificate's file
    key_password: SecretRef | None = None


class S3Auth(SiteModel):
    """AWS Signature Version 4, as S3-compatible object storage wants it."""

    kind: Literal["s3"]
    access_key: SecretRef
    secret_key: SecretRef
    region: str = "us-east-1"


Auth = Annotated[
    NoAuth | HeaderAuth | BearerAuth | BasicAuth | OAuth2Auth | OidcAuth | MtlsAuth | S3Auth,
    Field(discriminator="kind"),
]


class Endpoint(SiteModel):
    """One part of the twin: a URL that is asked, or a file that stands for its answer."""

    url: Url | None = None
    file: str | None = None  # an export, a schema, a saved answer; relative to the site file
    api: str | None = None  # ngsi-ld, ngsi-v2, s3, kserve-v2, ogc-features, sta, dcat, dtdl-3, …; None: found out
    tenant: str | None = None
    auth: Auth = NoAuth()
    ca: str | None = None  # PEM bundle to trust besides the system's; relative to the site file
    proxy: Url | None = None
    prefix: str | None = Field(default=None, pattern=r"^/[^?#]*$")  # path between the host and the API's own path
    headers: dict[str, str] = Field(default_factory=dict)  # sent with every request; never a secret
    timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    bucket: str | None = None  # object storage
    model: str | None = None  # name of the model that the inference server offers
    write_path: str | None = None  # where scratch data may be put, e.g. a bucket's folder
    description: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.file is None):
            raise PydanticCustomError("endpoint_source", "needs either url or file, and not both")
        return self


class SiteInfo(SiteModel):
    """Whose twin this is."""

    name: str = Field(min_length=1)
    owner: str | None = None
    country: str | None = None
    description: str | None = None
    url: Url | None = None
    contact: str | None = None
    licence: str | None = None
    bbox: tuple[float, float, float, float] | None = None  # west, south, east, north in degrees
    languages: tuple[str, ...] = ()


class TargetLevel(SiteModel):
    """Where the site wants to get, and by when (year or year-month)."""

    level: Literal[0, 1, 2]
    by: Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | date) else value)] | None = (
        Field(default=None, pattern=r"^\d{4}(-\d{2}){0,2}$")
    )


class Claims(SiteModel):
    """What the site says about itself; the report prints it beside what was found."""

    ngsi_ld: NgsiLdVersion | None = None
    citcom_level: Literal[0, 1, 2] | None = None
    edic_profile: (
        Literal["descriptive", "diagnostic", "predictive", "prospective", "prescriptive", "autonomous"] | None
    ) = None
    capabilities: tuple[str, ...] = ()
    standards: dict[str, str] = Field(default_factory=dict)  # other standards -> version, e.g. dsp: 2025-1


class Safety(SiteModel):
    """What a run may do to this twin. Absent values: as careful as the address calls for."""

    mode: Mode = Mode.PROBE
    max_requests: int | None = Field(default=None, ge=1)
    rate: float | None = Field(default=None, gt=0)  # requests per second


class ObjectiveValues(SiteModel):
    """The site's own service-level objectives; no source sets any for it."""

    p50_milliseconds: float | None = Field(default=None, gt=0)
    p95_milliseconds: float | None = Field(default=None, gt=0)
    p99_milliseconds: float | None = Field(default=None, gt=0)
    error_share: float | None = Field(default=None, ge=0, le=1)
    requests_per_second: float | None = Field(default=None, gt=0)
    users: int | None = Field(default=None, ge=1)


class Objectives(ObjectiveValues):
    """Objectives for all load scenarios, and where one differs, for it alone."""

    scenarios: dict[str, ObjectiveValues] = Field(default_factory=dict)


class DataSource(SiteModel):
    """One source of data, as LDT-DS-01 wants it declared."""

    name: str
    kind: str | None = None  # iot, api, file, simulation, gis, …
    format: str | None = None
    endpoint: Role | None = None
    url: Url | None = None
    owner: str | None = None
    licence: str | None = None
    interval_seconds: float | None = Field(default=None, gt=0)
    types: tuple[str, ...] = ()  # entity types (or collections) it feeds
    theme: str | None = None
    access: Literal["open", "token", "contract"] | None = None
    contact: str | None = None
    quality: str | None = None
    schema_url: Url | None = None
    asyncapi: str | None = None
    description: str | None = None


class Pipeline(SiteModel):
    """How data gets from one layer to another."""

    name: str
    source: str | None = None
    steps: tuple[str, ...] = ()
    target: str | None = None
    schedule: str | None = None
    engine: str | None = None
    definition: str | None = None
    endpoint: Role | None = None
    description: str | None = None


class Service(SiteModel):
    """A city service that is built on the twin."""

    name: str
    domain: str | None = None
    url: Url | None = None
    types: tuple[str, ...] = ()
    description: str | None = None


class AiModel(SiteModel):
    """One use of AI, as LDT-KN-01 wants it declared."""

    name: str
    purpose: str | None = None
    kind: str | None = None
    owner: str | None = None
    status: str | None = None
    endpoint: Role | None = None
    model: str | None = None
    version: str | None = None
    card: str | None = None
    risk_class: str | None = None
    input_types: tuple[str, ...] = ()
    output_types: tuple[str, ...] = ()
    stochastic: bool = False
    sample: str | None = None  # file with an inference request
    description: str | None = None


class Visualisation(SiteModel):
    """A view of the twin for people."""

    name: str
    url: Url | None = None
    kind: str | None = None
    access: Literal["public", "restricted"] | None = None
    description: str | None = None


class Component(SiteModel):
    """What the twin is built of, where no address can be given: it can be judged as declared, but not asked."""

    name: str
    role: Role | None = None  # the role that it plays, e.g. objects for MinIO
    api: str | None = None  # as in Endpoint.api, e.g. s3, dtdl-3, openapi-3.0
    published: bool | None = None  # whether others can reach its data; None: not said
    licence: str | None = None  # e.g. proprietary, Apache-2.0
    description: str | None = None


class Samples(SiteModel):
    """What read-only runs may look at."""

    entities: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    links: dict[str, str] = Field(default_factory=dict)  # named URLs or paths, e.g. openapi: /openapi.json


class SiteWaiver(SiteModel):
    """A failure that the site accepts until a day."""

    check: str
    until: date
    reason: str = Field(min_length=1)
    owner: str | None = None
    link: str | None = None


AnswerKey = Annotated[str, Field(pattern=rf"^({'|'.join(ANSWER_LAYERS)}|LDT-[A-Z]{{2}}-\d+)$")]


class Site(SiteModel):
    """The whole site file."""

    site: SiteInfo
    target: TargetLevel | None = None
    claims: Claims = Claims()
    safety: Safety = Safety()
    endpoints: dict[Role, Endpoint] = Field(default_factory=dict)
    objectives: Objectives | None = None
    data_sources: tuple[DataSource, ...] | None = None
    pipelines: tuple[Pipeline, ...] | None = None
    services: tuple[Service, ...] | None = None
    ai: tuple[AiModel, ...] | None = None  # an empty list says: we use no AI; absent says nothing
    visualisations: tuple[Visualisation, ...] | None = None
    components: tuple[Component, ...] = ()
    answers: dict[AnswerKey, str] = Field(default_factory=dict)  # by layer, or by requirement id
    samples: Samples = Samples()
    waivers: tuple[SiteWaiver, ...] = ()

    @model_validator(mode="after")
    def _roles_exist(self) -> Self:
        named = [
            (f"{kind}.{index}", entry.endpoint)
            for kind in ("data_sources", "pipelines", "ai")
            for index, entry in enumerate(getattr(self, kind) or ())
        ]
        unknown = [f"{where} names {role}" for where, role in named if role is not None and role not in self.endpoints]
        if unknown:
            raise PydanticCustomError(
                "role_missing",
                "an endpoint is named that is not under endpoints: {unknown}",
                {"unknown": "; ".join(unknown)},
            )
        return self

    @property
    def ngsi_ld_version(self) -> str:
        """The edition the broker is judged by: the claimed one, else the suite's default."""
        return self.claims.ngsi_ld or DEFAULT_NGSI_LD


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the site file, as published in `docs/ldt.schema.json`."""
    schema = Site.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "ldt.yaml"}
