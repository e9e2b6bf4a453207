"""What operations on one Entity begin with: its id, the selector of Entity Types, whether it is there."""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.model.names import CORE, JsonObject
from ldt_stack.broker.model.values import check_uri
from ldt_stack.broker.query.lexical import is_member_name
from ldt_stack.broker.query.type_selection import TypeSelection, parse_types
from ldt_stack.broker.store.evolution import SCOPE
from ldt_stack.broker.store.interface import KeptEntity, Snapshot, Transaction

_SCOPE_IRI: Final = CORE + SCOPE


def check_entity_id(entity_id: str) -> str:
    """The id in a request.

    Raises:
        BadRequestData: It is no URI.
    """
    return check_uri(entity_id, "The id of the Entity")


def read_types(call: Call, types: str | None) -> TypeSelection | None:
    """A selector of Entity Types (4.17), or None if the request has none."""
    return None if types is None else parse_types(types, call.ld_context)


def target_entity(snapshot: Snapshot, entity_id: str, types: TypeSelection | None) -> JsonObject:
    """The Entity that an operation is about.

    Raises:
        ResourceNotFound: There is none with this id, or it has none of the selected types.
    """
    entity = snapshot.get_entity(entity_id)
    if entity is None or (types is not None and not types.matches(entity)):
        raise _not_found(entity_id, known=entity is not None)
    return entity


def find_target(transaction: Transaction, entity_id: str, types: TypeSelection | None) -> KeptEntity:
    """Likewise, for who may not have to look at all of it."""
    kept = transaction.find_entity(entity_id)
    if kept is None or (types is not None and not types.matches(kept.entity)):
        raise _not_found(entity_id, known=kept is not None)
    return kept


def _not_found(entity_id: str, *, known: bool) -> ResourceNotFound:
    what = " with the type that was asked for" if known else ""
    return ResourceNotFound(f"There is no Entity {entity_id}{what}")


def attribute_name(call: Call, name: str) -> str:
    """The IRI of an Attribute named in a request.

    Raises:
        BadRequestData: It is no name of clause 4.6.2 and no URI.
    """
    if not is_member_name(name):
        raise BadRequestData(f'"{name}" is not a name of an Attribute (4.6.2) and no URI')
    return call.ld_context.expand_term(name)


def attribute_or_scope(call: Call, name: str) -> str:
    """The same where the scope may be named, too (5.6.4.4, 5.6.5.4): "scope", whatever name stands for it.

    Raises:
        BadRequestData: It is no name of clause 4.6.2 and no URI.
    """
    iri = attribute_name(call, name)
    return SCOPE if iri == _SCOPE_IRI else iri
