"""Payload validation and the expanded form of Entities: clauses 4.5, 4.6, 5.2, 5.4, 5.5.4, 5.5.8, 5.5.12.

The expanded form is what is stored, matched and merged: JSON values only; every name is a full IRI; an Attribute is
always a list of instances (one a datasetId), so that nothing branches on shape; sub-Attributes likewise.

    {"id": "urn:ngsi-ld:Vehicle:1",
     "type": ["https://example.org/Vehicle"],       # always a list
     "scope": ["/Madrid"],                          # list, absent if none
     "createdAt": "2026-11-23T10:00:00.000000Z",    # system times: UTC, always six digits, so that they sort as text
     "modifiedAt": "…",
     "expiresAt": "…",                              # absent if none
     "https://example.org/speed": [                 # every key with ":" is an Attribute
       {"type": "Property", "value": 40, "unitCode": "KMH", "observedAt": "…", "datasetId": "urn:…",
        "createdAt": "…", "modifiedAt": "…", "instanceId": "urn:ngsi-ld:instance:…",
        "https://example.org/source": [{"type": "Property", "value": "x", "createdAt": "…", "modifiedAt": "…"}]}]}

Core members (`value`, `object`, `unitCode`, `observedAt`, …) keep their short names, which hold no colon. `location`,
`observationSpace` and `operationSpace` are Attributes with their core IRIs. Instants in user data stay as received. An
instance that an operation wrote is a new dict, one that it left alone is the same: `changes` tells them apart by that.
"""
