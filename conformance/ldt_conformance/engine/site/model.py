"""The site file, `ldt.yaml`, as data: where a twin's parts are, what it claims, what a run may do to it.

Reading a file, with every mistake told at once, is in `site_file`; this module is the model alone, from which the
published JSON Schema (`docs/ldt.schema.json`) is made. Addresses and authentication are in `endpoints`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ldt_conformance.engine.site.endpoints import Endpoint, MqttServer, SiteModel, Url
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


def _version(value: Any) -> Any:
    """YAML reads 1.8 as a number, and people write 1.8 for the edition 1.8.1."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    return f"{text}.1" if isinstance(text, str) and f"{text}.1" in NGSI_LD_VERSIONS else text


NgsiLdVersion = Annotated[
    Literal["1.3.1", "1.4.1", "1.5.1", "1.6.1", "1.7.1", "1.8.1", "1.9.1"], BeforeValidator(_version)
]


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
    mqtt: tuple[MqttServer, ...] = ()  # for checks of notifications over MQTT; one of each kind that is to be checked
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
