"""How Entities change: creation, replacement, append, partial update patch and merge patch.

ETSI GS CIM 009 V1.9.1, clauses 5.5.8, 5.5.12, 5.6.1 to 5.6.5 and 5.6.17 to 5.6.19. Everything here is pure: an Entity
is not modified but a new one returned, in which each instance that was written is a new dict and each that was left
alone is the same one (`changes.differences` relies on it). System times of an instance that are those of its Entity may
be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.attributes import REMOVED
from ldt_stack.broker.model.entities import Fragment
from ldt_stack.broker.model.members import check_members
from ldt_stack.broker.model.names import NULL, VALUE_MEMBER, JsonObject, JsonValue, is_attribute_key
from ldt_stack.broker.model.values import Nulls, check_geometry_value, check_uri, decoded_geometry


@dataclass(slots=True)
class Patched:
    """The Entity after an operation, and which Attributes (IRIs) it wrote or left alone, with the reason."""

    entity: JsonObject
    updated: list[str] = field(default_factory=list)
    not_updated: dict[str, str] = field(default_factory=dict)

    def changes(self, before: JsonObject) -> bool:
        """Whether it is another Entity than before: if not, it was not modified, and has the modifiedAt that it had."""
        entity = self.entity
        return entity.keys() != before.keys() or any(
            entity[name] != value for name, value in before.items() if name != "modifiedAt"
        )


_GENERATED: Final = frozenset({"createdAt", "modifiedAt", "instanceId"})


def stamp(instance: JsonObject, at: str, before: JsonObject | None = None) -> JsonObject:
    """An instance as it is stored: system times set (5.2.2), createdAt kept from what it replaces; a new dict.

    Sub-Attributes that are those of `before` were not modified (4.8): they stay as they are.
    """
    stamped: JsonObject = {}
    for key, value in instance.items():
        if ":" in key:  # a sub-Attribute
            old = _by_dataset(before.get(key, ())) if before else {}
            known = [(one, old.get(one.get("datasetId"))) for one in value if REMOVED not in one]
            sub = [one if one is same else stamp(one, at, same) for one, same in known]
            if sub:
                stamped[key] = sub
        elif key not in _GENERATED and value != NULL:
            stamped[key] = value
    stamped["createdAt"] = before["createdAt"] if before and "createdAt" in before else at
    stamped["modifiedAt"] = at
    return stamped


def _by_dataset(instances: Iterable[JsonObject]) -> dict[str | None, JsonObject]:
    return {instance.get("datasetId"): instance for instance in instances}


def create(fragment: Fragment, at: str, created_at: str | None = None, before: JsonObject | None = None) -> JsonObject:
    """A new Entity, or one that replaces `before` completely (5.6.1, 5.6.18): createdAt is kept then.

    Source: CIM 009 V1.9.1, clauses 5.6.1.4 and 5.6.18.4.
    """
    entity: JsonObject = {"id": fragment.id, "type": list(fragment.types)}
    if fragment.scope:
        entity["scope"] = list(fragment.scope)
    if fragment.expires_at is not None:
        entity["expiresAt"] = fragment.expires_at
    entity["createdAt"] = created_at or at
    entity["modifiedAt"] = at
    created = entity["createdAt"]
    for name, instances in fragment.attributes.items():
        old = before.get(name) if before else None
        if fragment.has_plain(name) and (_is_as_old(old, created) if old else created == at):
            entity[name] = instances  # its system times are those of the Entity
        else:
            known = _by_dataset(old or ())
            entity[name] = [stamp(instance, at, known.get(instance.get("datasetId"))) for instance in instances]
    return entity


def _is_as_old(instances: Sequence[JsonObject], created: str) -> bool:
    """Whether an Attribute has one instance, the default one, which was created when its Entity was."""
    return len(instances) == 1 and instances[0].get("createdAt") == created and "datasetId" not in instances[0]


def append(entity: JsonObject, fragment: Fragment, at: str, *, overwrite: bool) -> Patched:
    """Append Attributes (5.6.3.4)."""
    patched = _begin(entity, fragment, at)
    for name, instances in fragment.attributes.items():
        present = _by_dataset(entity.get(name, ()))
        kept = [i for i in instances if i.get("datasetId") in present and not overwrite]
        written = [i for i in instances if i.get("datasetId") not in present or overwrite]
        if written:
            _write(patched, name, written, at)
        if kept:
            patched.not_updated[name] = "It exists, and overwriting was not allowed"
        if written or not kept:
            patched.updated.append(name)
    if fragment.scope is not None:
        have = () if overwrite else tuple(entity.get("scope", ()))
        _set_scope(patched.entity, tuple(dict.fromkeys((*have, *fragment.scope))))
    return patched


def update(entity: JsonObject, fragment: Fragment, at: str) -> Patched:
    """Update Attributes: partial update patch on the level of Attributes (5.6.2.4, 5.5.8)."""
    patched = _begin(entity, fragment, at)
    for name, instances in fragment.attributes.items():
        removed = {i.get("datasetId") for i in instances if REMOVED in i}
        written = [i for i in instances if REMOVED not in i]
        if removed:
            _remove(patched.entity, name, removed)
        if written:
            _write(patched, name, written, at)
        patched.updated.append(name)
    if fragment.scope is not None and "scope" in entity:  # "otherwise ignore it"
        _set_scope(patched.entity, fragment.scope)
    return patched


def merge(
    entity: JsonObject,
    fragment: Fragment,
    at: str,
    *,
    observed_at: str | None = None,
    lang: str | None = None,
    simplified: bool = False,
) -> Patched:
    """Merge Entity: merge patch to any depth (5.6.17.4, 5.5.12).

    Args:
        entity: The target.
        fragment: Read with `Nulls.ANYWHERE` and `partial`.
        at: The instant of the operation.
        observed_at: Common observedAt, for Attributes that have one and get no other.
        lang: Common language tag, under which strings go into a LanguageProperty.
        simplified: Whether it was read so: a new instance of an Attribute is then of the type that the others have.

    Raises:
        BadRequestData: The fragment changes the type of an Attribute, or has no value for a new one.
    """
    patched = _begin(entity, fragment, at)
    for name, instances in fragment.attributes.items():
        present = _by_dataset(entity.get(name, ()))
        for instance in instances:
            dataset = instance.get("datasetId")
            before = present.get(dataset)
            if REMOVED in instance:
                present.pop(dataset, None)
                continue
            if before is not None:
                merged = merge_instance(before, instance, name, observed_at=observed_at, lang=lang)
            else:
                others = simplified and bool(present)
                merged = _complete(_as_others(present, instance, name, lang) if others else instance, name)
            present[dataset] = stamp(merged, at, before)
        _set_instances(patched.entity, name, list(present.values()))
        patched.updated.append(name)
    if fragment.scope is not None:
        _set_scope(patched.entity, fragment.scope)
    return patched


def merge_instance(
    before: JsonObject, fragment: JsonObject, name: str, *, observed_at: str | None = None, lang: str | None = None
) -> JsonObject:
    """One instance after a merge patch with a fragment of it (5.5.12)."""
    fragment = _as_type(before, fragment, name, lang)
    check_members(fragment, before["type"], name)
    merged = dict(before)
    if observed_at is not None and "observedAt" in before and "observedAt" not in fragment:
        merged["observedAt"] = observed_at
    for key, value in fragment.items():
        if value == NULL:
            merged.pop(key, None)
        elif is_attribute_key(key):
            _merge_sub_attribute(merged, key, value)
        elif key == VALUE_MEMBER[before["type"]] and key in before:
            merged[key] = merge_json(before[key], value)
            if before["type"] == "GeoProperty":
                check_geometry_value(merged[key], f'The merged value of "{name}"')
        else:
            merged[key] = value
    return merged


def _merge_sub_attribute(merged: JsonObject, name: str, fragments: list[JsonObject]) -> None:
    instances = _by_dataset(merged.get(name, ()))
    for fragment in fragments:
        dataset = fragment.get("datasetId")
        before = instances.get(dataset)
        if REMOVED in fragment:
            instances.pop(dataset, None)
        else:
            instances[dataset] = merge_instance(before, fragment, name) if before else _complete(fragment, name)
    _set_instances(merged, name, list(instances.values()))


def _as_others(present: dict[str | None, JsonObject], instance: JsonObject, name: str, lang: str | None) -> JsonObject:
    """A bare value for a new instance, of the type that the instances of the Attribute have (5.6.17.4)."""
    other = next(iter(present.values()))
    own = {"datasetId": instance["datasetId"]} if "datasetId" in instance else {}
    return {"type": other["type"], **_as_type(other, instance, name, lang), **own}


def _as_type(before: JsonObject, fragment: JsonObject, name: str, lang: str | None) -> JsonObject:
    """The fragment in terms of the type that the Attribute has: the type of an Attribute cannot change.

    A bare value (simplified, concise) reads as a Property; the pre-existing type is preserved (5.6.17.4).
    """
    kind = fragment.get("type")
    if kind is None or kind == before["type"]:
        return fragment
    bare = {"type", "value"} <= set(fragment) <= {"type", "value", "datasetId"} and kind in {"Property", "GeoProperty"}
    value = fragment.get("value")
    if bare and before["type"] == "LanguageProperty" and lang is not None and _is_text(value):
        return {"languageMap": {lang: value}}
    what = f'The object of "{name}"'
    if bare and before["type"] == "Relationship" and _is_text(value):
        return {"object": [check_uri(o, what) for o in value] if isinstance(value, list) else check_uri(value, what)}
    if bare and before["type"] == "ListRelationship" and isinstance(value, list):
        return {"objectList": [check_uri(o, what) for o in value]}
    if bare and before["type"] == "GeoProperty":
        return {"value": decoded_geometry(value, f'The value of "{name}"', Nulls.ANYWHERE)}
    if bare and before["type"] == "Property":
        return {"value": value}
    if bare and before["type"] == "ListProperty" and isinstance(value, list):
        return {"valueList": value}
    raise BadRequestData(f'"{name}" is a {before["type"]}; a merge cannot make it a {kind}')


def _is_text(value: JsonValue) -> bool:
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(text, str) for text in texts)


def merge_json(target: JsonValue, patch: JsonValue) -> JsonValue:
    """JSON Merge Patch (RFC 7396) with the NGSI-LD Null in place of null; returns a new value."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value == NULL:
            merged.pop(key, None)
        else:
            merged[key] = merge_json(merged.get(key), value)
    return merged


def partial_update(before: JsonObject, fragment: JsonObject, at: str, name: str) -> JsonObject:
    """One instance after a partial update patch on its members (5.6.4.4, 5.5.8).

    Raises:
        BadRequestData: The fragment states another type.
    """
    if fragment.get("type", before["type"]) != before["type"]:
        raise BadRequestData(f'"{name}" is a {before["type"]}; a partial update cannot make it a {fragment["type"]}')
    check_members(fragment, before["type"], name)
    updated = dict(before)
    for key, value in fragment.items():
        if value == NULL:
            updated.pop(key, None)
        elif is_attribute_key(key):
            instances = _by_dataset(updated.get(key, ()))
            for instance in value:
                dataset = instance.get("datasetId")
                if REMOVED in instance:
                    instances.pop(dataset, None)
                else:
                    instances[dataset] = instance
            updated[key] = list(instances.values())
        else:
            updated[key] = value
    return stamp(updated, at, before)


def remove_attribute(entity: JsonObject, name: str, at: str, datasets: set[str | None] | None) -> JsonObject:
    """The Entity without an Attribute (all instances if `datasets` is None), or without its scope."""
    left = {**entity, "modifiedAt": at}
    if datasets is None:
        left.pop(name, None)
    else:
        _remove(left, name, datasets)
    return left


def replace_instance(entity: JsonObject, name: str, instance: JsonObject, at: str) -> JsonObject:
    """The Entity with one instance, already stamped, in the place of the one with the same datasetId."""
    dataset = instance.get("datasetId")
    changed = [instance if old.get("datasetId") == dataset else old for old in entity[name]]
    return {**entity, "modifiedAt": at, name: changed}


def _begin(entity: JsonObject, fragment: Fragment, at: str) -> Patched:
    """A copy with what all operations on Entities share: types are only added (4.16), expiresAt set or removed."""
    changed = dict(entity)
    changed["modifiedAt"] = at
    changed["type"] = list(dict.fromkeys((*entity["type"], *fragment.types)))
    if fragment.expires_at == NULL:
        changed.pop("expiresAt", None)
    elif fragment.expires_at is not None:
        changed["expiresAt"] = fragment.expires_at
    return Patched(changed)


def _write(patched: Patched, name: str, instances: Iterable[JsonObject], at: str) -> None:
    present = _by_dataset(patched.entity.get(name, ()))
    for instance in instances:
        dataset = instance.get("datasetId")
        present[dataset] = stamp(instance, at, present.get(dataset))
    patched.entity[name] = list(present.values())


def _remove(entity: JsonObject, name: str, datasets: set[str | None]) -> None:
    left = [instance for instance in entity.get(name, ()) if instance.get("datasetId") not in datasets]
    _set_instances(entity, name, left)


def _set_instances(entity: JsonObject, name: str, instances: list[JsonObject]) -> None:
    if instances:
        entity[name] = instances
    else:
        entity.pop(name, None)


def _set_scope(entity: JsonObject, scope: tuple[str, ...]) -> None:
    if scope:
        entity["scope"] = list(scope)
    else:
        entity.pop("scope", None)


def _complete(instance: JsonObject, name: str) -> JsonObject:
    """A fragment that becomes a new instance: it needs a type and a value; Nulls in it remove nothing."""
    kind = instance.get("type")
    if kind is None or VALUE_MEMBER[kind] not in instance:
        raise BadRequestData(f'"{name}" is new, but the fragment gives it no value')
    completed: JsonObject = {}
    for key, value in instance.items():
        if is_attribute_key(key):
            completed[key] = [_complete(one, key) for one in value if REMOVED not in one]
        else:
            completed[key] = merge_json({}, value) if key == VALUE_MEMBER[kind] else value
    if kind == "GeoProperty":
        check_geometry_value(completed["value"], f'The value of "{name}"')
    return completed
