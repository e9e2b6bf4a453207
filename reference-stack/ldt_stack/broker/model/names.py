"""Names of the core: members, Attribute types and their IRIs. ETSI GS CIM 009 V1.9.1, clauses 4.5, 5.2 and annex B."""

from __future__ import annotations

from typing import Any, Final

from ldt_stack.broker.errors import BadRequestData

JsonValue = Any  # JSON from the wire: None, bool, int, float, str, list, dict
JsonObject = dict[str, Any]

CORE: Final = "https://uri.etsi.org/ngsi-ld/"
DEFAULT_VOCABULARY: Final = CORE + "default-context/"
NULL: Final = "urn:ngsi-ld:null"
NONE_LANGUAGE: Final = "@none"

LOCATION: Final = CORE + "location"
OBSERVATION_SPACE: Final = CORE + "observationSpace"
GEO_PROPERTIES: Final = frozenset({LOCATION, OBSERVATION_SPACE, CORE + "operationSpace"})  # 4.7.1, 5.2.4
NGSILD_PROOF: Final = CORE + "ngsildproof"

# Attribute type -> the member that holds what it is about (5.2.5 to 5.2.7, 5.2.32, 5.2.35 to 5.2.38).
VALUE_MEMBER: Final[dict[str, str]] = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
    "JsonProperty": "json",
}
ATTRIBUTE_TYPES: Final = frozenset(VALUE_MEMBER)
VALUE_MEMBERS: Final = frozenset(VALUE_MEMBER.values())

# Member names in the wire's plural for the simplified temporal form (4.5.9, 4.5.25) are representation's business.

SYSTEM_TIMES: Final = ("createdAt", "modifiedAt", "deletedAt")
# Read-only members: "In the event that they are provided … implementations shall ignore them" (5.2.2, tables 5.2.x-2).
OUTPUT_ONLY_ENTITY: Final = frozenset({"createdAt", "modifiedAt", "deletedAt"})
OUTPUT_ONLY_ATTRIBUTE: Final = frozenset(
    {
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "instanceId",
        "previousValue",
        "previousObject",
        "previousLanguageMap",
        "previousVocab",
        "previousValueList",
        "previousObjectList",
        "previousJson",
        "entity",
        "entityList",
    }
)
# Members of an Entity in expanded form that are no Attributes; none contains a colon.
ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "expiresAt", *SYSTEM_TIMES})
# Members of an Attribute instance in expanded form that are no sub-Attributes.
ATTRIBUTE_MEMBERS: Final = frozenset(
    {
        "type",
        "datasetId",
        "observedAt",
        "unitCode",
        "valueType",
        "objectType",
        "expiresAt",
        *VALUE_MEMBERS,
        *OUTPUT_ONLY_ATTRIBUTE,
    }
)


def is_attribute_key(key: str) -> bool:
    """Whether a key of an expanded Entity or Attribute instance names a (sub-)Attribute: IRIs have a colon."""
    return ":" in key


def without_keywords(members: JsonObject) -> JsonObject:
    """Members of an API data type with "id" and "type" where the request says "@id" and "@type".

    Args:
        members: As in the request; not modified.

    Raises:
        BadRequestData: It has both words for one member.

    Source: CIM 009 V1.9.1, clause 4.4: "they may also be used in NGSI-LD requests instead".
    """
    if "@id" not in members and "@type" not in members:
        return members
    for keyword in ("@id", "@type"):
        if keyword in members and keyword[1:] in members:
            raise BadRequestData(f'"{keyword}" and "{keyword[1:]}" stand for the same member (4.4)')
    return {name[1:] if name in ("@id", "@type") else name: value for name, value in members.items()}
