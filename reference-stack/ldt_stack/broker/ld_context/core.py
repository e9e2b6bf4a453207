"""The published core @contexts, as package data: never fetched.

ETSI's core contexts are (c) ETSI; the W3C data integrity context, which core 1.9 refers to, is (c) W3C under the W3C
Document License. Both are shipped unchanged (see NOTICE). V1.9 is annex B of ETSI GS CIM 009 V1.9.1.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import orjson

from ldt_stack.broker.model.names import CORE, JsonObject

CORE_VERSION = "1.9"
_NAME = "ngsi-ld-core-context"
CORE_CONTEXT_URL = f"{CORE}v1/{_NAME}-v{CORE_VERSION}.jsonld"

_PUBLISHED = {
    **{f"{CORE}v1/{_NAME}-v{version}.jsonld": f"{_NAME}-v{version}" for version in ("1.3", "1.4", "1.6", "1.7", "1.8")},
    CORE_CONTEXT_URL: f"{_NAME}-v{CORE_VERSION}",
    f"{CORE}v1/{_NAME}.jsonld": f"{_NAME}-v{CORE_VERSION}",  # the unversioned name is an alias of the newest
    "https://w3id.org/security/data-integrity/v2": "w3id-data-integrity-v2",
}


def canonical_url(url: str) -> str:
    """A URL as the table of published contexts spells it: https, whatever was asked for."""
    return "https://" + url.removeprefix("http://") if url.startswith("http://") else url


def published_document(url: str) -> JsonObject | None:
    """The document behind the URL of a published context, or None if we do not ship it."""
    name = _PUBLISHED.get(canonical_url(url))
    return None if name is None else _load(name)


def is_own_core(url: str) -> bool:
    """Whether a URL names the core @context that this broker always applies last."""
    return _PUBLISHED.get(canonical_url(url)) == f"{_NAME}-v{CORE_VERSION}"


@cache
def _load(name: str) -> JsonObject:
    document: JsonObject = orjson.loads(files(__package__).joinpath("data", f"{name}.jsonld").read_bytes())
    return document
