"""Names after expansion: CIM 009 V1.9.1, clauses 4.4, 5.5.5 and 5.5.7.

The harness knows every @context it uses, so it expands by them alone and never fetches one. Core terms come first, as
the clause says ("absolute precedence"); what no term matches falls to the default vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping

NGSI_LD = "https://uri.etsi.org/ngsi-ld/"
DEFAULT_VOCABULARY = f"{NGSI_LD}default-context/"
PREFIXES = {"ngsi-ld": NGSI_LD}  # Annex B of CIM 009: the core @context defines this prefix
DCTERMS = "http://purl.org/dc/terms/"
# The core terms that payloads of checks may meet as names; no check names an Attribute of its own after a core term.
CORE_TERMS = {
    "description": f"{DCTERMS}description",
    "title": f"{DCTERMS}title",
    **{
        name: f"{NGSI_LD}{name}"
        for name in (
            "GeoProperty",
            "JsonProperty",
            "LanguageProperty",
            "ListProperty",
            "ListRelationship",
            "Notification",
            "Property",
            "Relationship",
            "Subscription",
            "VocabProperty",
            "location",
            "observationSpace",
            "operationSpace",
        )
    },
}


def expand_name(name: str, ld_context: Mapping[str, str] | None = None) -> str:
    """The fully qualified name of a term, a compact IRI or an IRI.

    Args:
        name: As it stands in a payload.
        ld_context: The user terms and prefixes in force, name to IRI; None is the core @context alone.
    """
    user = ld_context or {}
    if name in CORE_TERMS:
        return CORE_TERMS[name]
    if name in user:
        return expand_name(user[name], {key: iri for key, iri in user.items() if key != name})
    prefix, colon, rest = name.partition(":")
    if colon:
        base = PREFIXES.get(prefix) or user.get(prefix)
        return f"{base}{rest}" if base and not rest.startswith("//") else name
    return f"{DEFAULT_VOCABULARY}{name}"


def same_name(one: str, other: str, ld_context: Mapping[str, str] | None = None) -> bool:
    """Whether two names mean the same under one @context."""
    return expand_name(one, ld_context) == expand_name(other, ld_context)
