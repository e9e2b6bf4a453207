"""Where a part of the twin is and how one gets in: addresses without credentials, authentication, endpoints."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ldt_conformance.engine.site.secret_refs import SecretRef

SECRET_PARAMETER = re.compile(r"(?i)^(api[-_]?key|key|token|access[-_]?token|secret|password|passwd|sig|signature)$")


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


Url = Annotated[str, BeforeValidator(_without_credentials), Field(json_schema_extra={"format": "uri"})]


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
    description: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.file is None):
            raise PydanticCustomError("endpoint_source", "needs either url or file, and not both")
        return self


class MqttServer(SiteModel):
    """An MQTT server that target and run both reach, where notifications over MQTT are looked for (CIM 009, clause 7).

    User and password become part of Subscriptions at the target, as clause 7.2 has it: use an account made for this.
    """

    host: str = Field(pattern=r"^[^\s/@:?#]+$")
    port: int | None = Field(default=None, ge=1, le=65535)  # None: 1883, with tls 8883
    tls: bool = False
    username: str | None = None
    password: SecretRef | None = None
    ca: str | None = None  # PEM bundle to trust besides the system's; relative to the site file
    target_host: str | None = Field(
        default=None, pattern=r"^[^\s/@:?#]+$"
    )  # how the target names it, where that differs

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password is not None and self.username is None:
            raise PydanticCustomError("mqtt_user", "a password needs a username")
        return self
