"""A Context Source Registration as its user sees it: names compacted. ETSI GS CIM 009 V1.9.1, clauses 5.2.9, 5.5.7."""

from __future__ import annotations

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject, is_attribute_key


def render_registration(members: JsonObject, ld_context: LdContext, *, sys_attrs: bool = False) -> JsonObject:
    """A Registration with the names of the @context of whoever asks.

    Args:
        members: Expanded. Not modified.
        ld_context: The request's own.
        sys_attrs: Whether createdAt and modifiedAt are shown (6.3.11).
    """
    compact = ld_context.compact_iri
    result: JsonObject = {}
    for name, value in members.items():
        if name == "information":
            result[name] = [_info(info, ld_context) for info in value]
        elif sys_attrs or name not in ("createdAt", "modifiedAt"):
            result[compact(name) if is_attribute_key(name) else name] = value
    return result


def _info(info: JsonObject, ld_context: LdContext) -> JsonObject:
    result = {
        name: [ld_context.compact_iri(one) for one in names] for name, names in info.items() if name != "entities"
    }
    if "entities" not in info:
        return result
    return {"entities": [_entity_info(entity, ld_context) for entity in info["entities"]], **result}


def _entity_info(entity: JsonObject, ld_context: LdContext) -> JsonObject:
    types = [ld_context.compact_iri(name) for name in entity["type"]]
    return {**entity, "type": types[0] if len(types) == 1 else types}
