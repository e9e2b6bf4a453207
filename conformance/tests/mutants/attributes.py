"""Wrong brokers that are wrong about the kinds of Attributes; as those of `mutants.py`."""

from __future__ import annotations

from typing import Any

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context.context import LdContext
from ldt_stack.broker.model import attributes, entities, patch, values
from ldt_stack.broker.model.names import NULL, VALUE_MEMBERS
from ldt_stack.broker.representation import entity as representation

from .faults import Install, Mutant, function, item


def all_of(*installs: Install) -> Install:
    """One fault that sits in several places."""

    def every() -> None:
        for install in installs:
            install()

    return every


def _takes_foreign_members(original: Any) -> Any:
    def set_member(self: Any, instance: Any, name: str, kind: str, key: str, value: Any) -> None:
        if key not in VALUE_MEMBERS and (key != "unitCode" or kind in {"Property", "GeoProperty", "ListProperty"}):
            original(self, instance, name, kind, key, value)

    return set_member


def _null_is_a_uri(original: Any) -> Any:
    def check_uri(value: Any, what: str) -> Any:
        return value if value == NULL else original(value, what)

    return check_uri


def _deleted_lists_have_objects(original: Any) -> Any:
    def core_member(member: str, value: Any, ld_context: LdContext, options: Any) -> Any:
        if member == "objectList" and options.format != "concise":
            return [{"object": one} for one in value]
        return original(member, value, ld_context, options)

    return core_member


def _takes_no_simplified_list(original: Any) -> Any:
    def as_type(before: Any, fragment: Any, name: str, lang: str | None) -> Any:
        if before["type"] == "ListRelationship" and fragment.get("type") == "Property":
            raise BadRequestData("a list cannot be simplified")
        return original(before, fragment, name, lang)

    return as_type


def _value_type_of_few(original: Any) -> Any:
    def checked_member(self: Any, name: str, kind: str, key: str, value: Any) -> Any:
        return None if key == "valueType" and kind == "VocabProperty" else original(self, name, kind, key, value)

    return checked_member


def _sorted_list(original: Any) -> Any:
    return lambda *of: sorted(original(*of))


MUTANTS: dict[str, Mutant] = {
    "foreign-members-taken": Mutant(
        "4.5.2.2",
        "members of other kinds of Attributes are passed over",
        function(attributes.AttributeReader, "_set_member", _takes_foreign_members),
    ),
    "null-is-a-uri": Mutant(
        "5.2.1",
        "an NGSI-LD Null is taken for a URI like any other",
        all_of(*(function(owner, "check_uri", _null_is_a_uri) for owner in (attributes, values))),
    ),
    "location-of-any-kind": Mutant(
        "5.2.4",
        "a location need not be a GeoProperty",
        function(entities, "check_core_type", lambda _: lambda iri, instances: None),
    ),
    "list-relationship-sorted": Mutant(
        "4.5.22.2",
        "a ListRelationship is kept in the order of its URIs",
        item(values._CHECKS, "ListRelationship", _sorted_list(values._CHECKS["ListRelationship"])),
    ),
    "value-type-lost": Mutant(
        "5.2.35",
        "a VocabProperty loses its valueType",
        function(attributes.AttributeReader, "_checked_member", _value_type_of_few),
    ),
    "simplified-list-refused": Mutant(
        "5.6.17.4",
        "a simplified merge does not know a ListRelationship",
        function(patch, "_as_type", _takes_no_simplified_list),
    ),
    "core-terms-name-attributes": Mutant(
        "4.5.1",
        "an Attribute may have the name of a member of the core",
        all_of(
            lambda: setattr(entities, "_NO_ATTRIBUTE_NAMES", frozenset()),
            function(attributes, "_no_attribute_iris", lambda _: frozenset),
        ),
    ),
    "merge-parameters-ignored": Mutant(
        "5.6.17.4",
        "a merge ignores its common observedAt and language",
        function(
            patch, "merge", lambda original: lambda before, fragment, at, **common: original(before, fragment, at)
        ),
    ),
    "deleted-list-of-objects": Mutant(
        "4.5.22.2",
        "a deleted ListRelationship is an array of an object with the NGSI-LD Null",
        function(representation, "_core_member", _deleted_lists_have_objects),
    ),
}
