"""From the expanded form to what a caller asked to see, in the names of the caller's @context.

ETSI GS CIM 009 V1.9.1, clauses 4.5.1 to 4.5.5 and 4.5.18 to 4.5.24 (normalized, concise and simplified
representations), 4.15 (language filter), 4.21 (projection), 5.5.7 (compaction). GeoJSON is in `geojson.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.entity_text import UNCHANGED_MEMBERS
from ldt_stack.broker.model.names import NULL, VALUE_MEMBER, VALUE_MEMBERS, JsonObject, JsonValue, is_attribute_key
from ldt_stack.broker.query.geometry import is_geometry
from ldt_stack.broker.query.paths import objects_of
from ldt_stack.broker.representation.options import NORMALIZED, RenderOptions

_SYSTEM: Final = frozenset({"createdAt", "modifiedAt", "expiresAt"})
_NAMES: Final = frozenset({"vocab", "previousVocab", "objectType", "valueType", "entityTypeSealed"})
_OBJECT_LISTS: Final = frozenset({"objectList", "previousObjectList"})
_BARE: Final = frozenset({"Property", "GeoProperty"})
# 4.5.4: the simplified form keeps this member around the value, so that the kind of Property can be told.
_WRAPPED: Final = {"LanguageProperty": "languageMap", "JsonProperty": "json", "VocabProperty": "vocab"}


def render_entity(entity: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonObject:
    """Render an Entity.

    Args:
        entity: Expanded. Not modified, but parts of it are shared with the result.
        ld_context: The call's own: names are compacted by it (5.5.7).
        options: What to show, and how.

    Returns:
        A JSON object without "@context".
    """
    if options is NORMALIZED:
        return _render_everything(entity, ld_context)
    rendered: JsonObject = {}
    everything = options.pick is None and options.omit is None
    for member, value in entity.items():
        if not everything and not options.shows(member):
            continue
        if is_attribute_key(member):
            instances = select_instances(value, options)
            if instances and (options.attributes is None or member in options.attributes):
                rendered[ld_context.compact_iri(member)] = _attribute(member, instances, ld_context, options)
        elif member == "type":
            rendered["type"] = _single([ld_context.compact_iri(name) for name in value])
        elif member == "scope":
            rendered["scope"] = _single(value)
        elif member not in _SYSTEM or options.sys_attrs:
            rendered[member] = value
    return rendered


def _render_everything(entity: JsonObject, ld_context: LdContext) -> JsonObject:
    """What is asked for most, in few steps: normalized, nothing left out but system times."""
    rendered: JsonObject = {}
    compact, known, all_unchanged = ld_context.compact_iri, ld_context.known_short_names, UNCHANGED_MEMBERS.issuperset
    for member, value in entity.items():
        if ":" in member:
            name = known.get(member) or compact(member)
            if len(value) == 1 and all_unchanged(value[0]):
                rendered[name] = value[0]
            elif value:
                rendered[name] = _attribute(member, value, ld_context, NORMALIZED)
        elif member == "type":
            rendered["type"] = _single([compact(name) for name in value])
        elif member == "scope":
            rendered["scope"] = _single(value)
        elif member not in _SYSTEM:
            rendered[member] = value
    return rendered


def select_instances(instances: list[JsonObject], options: RenderOptions) -> list[JsonObject]:
    """The instances of an Attribute that the datasetId parameter lets through (4.5.5, 5.7.2.4)."""
    wanted = options.dataset_ids
    if wanted is None:
        return instances
    return [instance for instance in instances if instance.get("datasetId", "@none") in wanted]


def render_attribute(instances: list[JsonObject], ld_context: LdContext, options: RenderOptions) -> JsonValue:
    """Render all instances of an Attribute: an object (or value) for one, an array (or "dataset") for several."""
    return _attribute("", instances, ld_context, options)


def render_instance(instance: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonObject:
    """Render one Attribute instance, normalized or concise, always as an object."""
    return _members("", instance, ld_context, options)


def _single(values: list[str]) -> JsonValue:
    return values[0] if len(values) == 1 else values


def _attribute(name: str, instances: list[JsonObject], ld_context: LdContext, options: RenderOptions) -> JsonValue:
    render = _RENDERERS[options.format]
    if len(instances) == 1:
        return render(name, instances[0], ld_context, options)
    if options.format == "simplified":
        values = {one.get("datasetId", "@none"): render(name, one, ld_context, options) for one in instances}
        return {"dataset": values}
    return [_members(name, instance, ld_context, options) for instance in instances]


def _members(name: str, instance: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonObject:
    """Normalized, or concise before it is shortened to its value (4.5.2.2, 4.5.2.3 and their siblings)."""
    rendered: JsonObject = {}
    if options.format != "concise" or _looks_otherwise(instance):
        rendered["type"] = instance["type"]
    for member, value in instance.items():
        if is_attribute_key(member):
            inner = replace(options, links=None, dataset_ids=None)
            rendered[ld_context.compact_iri(member)] = _attribute(member, value, ld_context, inner)
        elif member == "languageMap" and options.language is not None and isinstance(value, dict):
            _reduce_language(rendered, value, options)
        elif not _hidden(member, options):
            rendered[member] = _core_member(member, value, ld_context, options)
    if options.links is not None:
        _show_linked(name, instance, rendered, ld_context, options)
    return rendered


def _looks_otherwise(instance: JsonObject) -> bool:
    """Whether the type would be inferred wrongly, because only a geometry tells a GeoProperty from a Property."""
    return instance["type"] in _BARE and is_geometry(instance.get("value")) is not (instance["type"] == "GeoProperty")


def _hidden(member: str, options: RenderOptions) -> bool:
    if member in _SYSTEM:
        return not options.sys_attrs
    return member == "type" or (member == "instanceId" and not options.instance_ids)


def _core_member(member: str, value: JsonValue, ld_context: LdContext, options: RenderOptions) -> JsonValue:
    if member in _NAMES:
        return _compact(value, ld_context)
    if member in _OBJECT_LISTS and isinstance(value, list):
        uris = objects_of({"objectList": value})
        return uris if options.format == "concise" or uris == [NULL] else [{"object": uri} for uri in uris]
    return value


def _compact(value: JsonValue, ld_context: LdContext) -> JsonValue:
    if isinstance(value, str):
        return ld_context.compact_iri(value)
    return [_compact(item, ld_context) for item in value] if isinstance(value, list) else value


def _reduce_language(rendered: JsonObject, language_map: JsonObject, options: RenderOptions) -> None:
    """4.15: a LanguageProperty becomes a Property with one string (or array) and `lang`, the language chosen."""
    chosen = options.language.choose(language_map) if options.language is not None else None
    if chosen is None:
        rendered["languageMap"] = language_map
        return
    if "type" in rendered:
        rendered["type"] = "Property"
    rendered["value"] = language_map[chosen]
    rendered["lang"] = chosen


def _normalized(name: str, instance: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonValue:
    return _members(name, instance, ld_context, options)


def _concise(name: str, instance: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonValue:
    """4.5.2.3: a Property with nothing but its value is just that value, where it can be told from an Attribute."""
    rendered = _members(name, instance, ld_context, options)
    if instance["type"] not in _BARE or rendered.keys() != {"value"}:
        return rendered
    value = rendered["value"]
    if instance["type"] == "GeoProperty":
        return value
    if isinstance(value, dict):
        return rendered if "type" in value or not VALUE_MEMBERS.isdisjoint(value) else value
    if isinstance(value, list):
        return rendered if any(isinstance(item, dict) for item in value) else value
    return value


def _simplified(name: str, instance: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonValue:
    """4.5.4: the value or object alone."""
    kind = instance["type"]
    if kind == "LanguageProperty" and options.language is not None and isinstance(instance.get("languageMap"), dict):
        chosen = options.language.choose(instance["languageMap"])
        if chosen is not None:
            return instance["languageMap"][chosen]
    if kind in _WRAPPED:
        member = _WRAPPED[kind]
        return {member: _core_member(member, instance.get(member), ld_context, options)}
    if kind == "ListRelationship":
        return _linked_or_uris(name, instance, ld_context, options, single=False)
    if kind == "Relationship":
        return _linked_or_uris(name, instance, ld_context, options, single=isinstance(instance.get("object"), str))
    return instance.get(VALUE_MEMBER.get(kind, "value"))


_RENDERERS: Final[dict[str, Callable[[str, JsonObject, LdContext, RenderOptions], JsonValue]]] = {
    "normalized": _normalized,
    "concise": _concise,
    "simplified": _simplified,
}


def _show_linked(
    name: str, instance: JsonObject, rendered: JsonObject, ld_context: LdContext, options: RenderOptions
) -> None:
    """4.5.23.2: `entity` (or `entityList`) holds what a Relationship leads to."""
    shown = [entity for entity in _linked(name, objects_of(instance), ld_context, options) if entity is not None]
    if not shown:
        return
    if instance["type"] == "ListRelationship":
        rendered["entityList"] = shown
    else:
        rendered["entity"] = shown[0] if isinstance(instance.get("object"), str) else shown


def _linked_or_uris(
    name: str, instance: JsonObject, ld_context: LdContext, options: RenderOptions, *, single: bool
) -> JsonValue:
    """4.5.4, examples 7 to 18: URIs, or inline the linked Entities in their place."""
    uris = objects_of(instance)
    entities = _linked(name, uris, ld_context, options)
    values = [uri if entity is None else entity for uri, entity in zip(uris, entities, strict=True)]
    return values[0] if single and values else values


def _linked(
    relation: str, uris: Iterable[str], ld_context: LdContext, options: RenderOptions
) -> list[JsonObject | None]:
    """For each URI the rendered linked Entity; None if it is not there or was encountered before (5.7.1.5)."""
    links = options.links
    if links is None or links.depth < 1:
        return [None for _ in uris]
    found: list[JsonObject | None] = []
    for uri in uris:
        entity = links.entities.get(uri)
        if entity is None or uri in links.encountered:
            found.append(None)
            continue
        links.allowance.take()
        below = replace(links, depth=links.depth - 1, encountered=links.encountered | {uri})
        inner = replace(options.of_linked(relation), links=below, attributes=None)
        found.append(render_entity(entity, ld_context, inner))
    return found
