"""Limits and policies of the broker, as one frozen model.

Every limit is answered with the error that the standard has for it; none makes the broker stop.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ldt_stack.broker.outbound.addresses import AddressPolicy


class BrokerSettings(BaseModel):
    """What whoever starts the broker may choose. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path | None = Field(None, description="Where the database files live; None: temporary, gone at the end")
    alias: str = Field("ldt-broker", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", description="Via pseudonym, 5.2.40")
    public_url: str | None = Field(None, description="How others reach us; None: as the request says (Host header)")

    cors_origins: tuple[str, ...] = Field(
        ("*",),
        description='Origins whose pages may use the broker in a browser: "*" lets all of them read, and none write; '
        "origins that are named (https://map.example) may do both; none: no cross-origin requests",
    )
    shutdown_grace_seconds: float = Field(
        10.0, ge=0, description="How long requests and notifications under way may take to finish when the broker ends"
    )

    max_body_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    max_batch_entities: int = Field(10_000, ge=1)
    default_page_size: int = Field(20, ge=1)
    max_page_size: int = Field(1000, ge=1)
    max_query_terms: int = Field(200, ge=1, description="Terms of q, types, scopes or ids in one query")
    max_query_positions: int = Field(10_000, ge=1, description="Of the reference geometry of a geo-query")
    max_linked_entities: int = Field(5000, ge=1, description="Shown in one answer with join, 4.5.23; then 403")
    query_timeout_seconds: float = Field(30.0, gt=0, description="Then a query is too complex, 5.5.6")
    temporal_page_instances: int = Field(1000, ge=1, description="Attribute instances in one temporal answer; then 206")

    split_entities: bool = Field(False, description="Default of splitEntities: parts of an Entity in several places")

    max_tenants: int = Field(1000, ge=1)
    max_open_tenants: int = Field(64, ge=1)
    tenant_idle_seconds: float = Field(300.0, gt=0)
    read_threads: int = Field(2, ge=1, description="Threads for reads that are too dear for the event loop")

    expiry_sweep_seconds: float = Field(5.0, gt=0, description="How often what has expired is removed, 4.22")

    entity_map_default_seconds: float = Field(600.0, gt=0, description="Lifetime of an EntityMap, if none is suggested")
    entity_map_max_seconds: float = Field(24 * 3600.0, gt=0, description="The longest lifetime of an EntityMap, 5.2.23")
    entity_map_max_entities: int = Field(100_000, ge=1)
    max_entity_maps: int = Field(1000, ge=1, description="In a tenant; what expires first makes room for a new one")

    snapshot_default_seconds: float = Field(24 * 3600.0, gt=0, description="Lifetime of a Snapshot, if none is asked")
    snapshot_max_seconds: float = Field(30 * 24 * 3600.0, gt=0, description="Longest lifetime of a Snapshot, 5.2.41")
    snapshot_max_entities: int = Field(100_000, ge=1)
    max_snapshots: int = Field(100, ge=1, description="In a tenant; one of lower priority makes room for a new one")

    context_max_bytes: int = Field(1024 * 1024, ge=1024)
    context_timeout_seconds: float = Field(5.0, gt=0)
    context_max_redirects: int = Field(5, ge=0)
    context_max_documents: int = Field(16, ge=1, description="Remote documents one @context may refer to")
    context_cache_entries: int = Field(1000, ge=16)
    context_default_ttl_seconds: float = Field(3600.0, gt=0, description="Clause 6.3.16, where the origin names none")

    outbound_addresses: tuple[str, ...] = Field(
        ("any",),
        description='What @context downloads, notifications and forwarded requests may connect to: "any", "public" (no '
        "private, loopback, link-local or other special address), networks such as 10.1.0.0/16, or several of these",
    )

    federation_timeout_seconds: float = Field(
        5.0, gt=0, description="How long a Context Source may take; its own Registration can ask for less, 5.2.34"
    )
    federation_max_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Of one answer of a Context Source")
    federation_page_entities: int = Field(
        100, ge=1, description="Entities that a Context Source is asked for at once; it may know of a limit"
    )
    federation_max_entities: int = Field(10_000, ge=1, description="Entities of other sources in one query; then 403")

    max_registration_patterns: int = Field(
        1000, ge=1, description="idPattern in one Context Source Registration: each request is matched with all of them"
    )

    federation_cache_bytes: int = Field(
        16 * 1024 * 1024, ge=0, description="Answers of Context Sources that their Registrations let us keep, 5.2.34"
    )

    notification_timeout_seconds: float = Field(5.0, gt=0)
    notification_workers: int = Field(32, ge=1, description="Notifications under way at once")
    notification_max_attempts: int = Field(
        6, ge=1, description="Attempts at one notification while no answer comes: a receiver may be away half a minute"
    )
    notification_retry_seconds: float = Field(1.0, ge=0, description="Pause before the second attempt; then doubled")

    @field_validator("outbound_addresses", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Text from the command line or the environment is split at commas."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("outbound_addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        AddressPolicy.parse(value)
        return value

    @property
    def address_policy(self) -> AddressPolicy:
        """`outbound_addresses`, parsed."""
        return AddressPolicy.parse(self.outbound_addresses)
