"""Temporal representations of Entities: ETSI GS CIM 009 V1.9.1, clauses 4.5.6 to 4.5.9 and 4.5.19. Pure.

An Attribute is an array of its instances, oldest first, also if there is just one ("or a single JSON-LD object in case
only one is present" is the other form that 4.5.7 allows). The Temporal Property that a request asked for is shown
without sysAttrs, too: it says when an instance was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ldt_stack.broker.errors import InvalidRequest
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.representation.aggregation import Aggregation, aggregate, is_eligible
from ldt_stack.broker.representation.entity import render_attribute, render_instance
from ldt_stack.broker.representation.options import RenderOptions

# 4.5.9: Attribute type -> the member with its values.
VALUES_MEMBER: Final = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
    "JsonProperty": "jsons",
}
_SYSTEM_TIMES: Final = ("createdAt", "modifiedAt", "deletedAt")


def render_evolution(
    head: JsonObject,
    attributes: dict[str, list[JsonObject]],
    ld_context: LdContext,
    options: RenderOptions,
    timeproperty: str,
) -> JsonObject:
    """The temporal representation (4.5.6 to 4.5.8), normalized or concise as the options say.

    Args:
        head: Expanded: id, type and system times of the Entity.
        attributes: IRI (or "scope") -> expanded instances, oldest first.
        ld_context: The call's own.
        options: What to show.
        timeproperty: The Temporal Property that was asked for.
    """
    rendered = _head(head, ld_context, options)
    own = replace(options, instance_ids=True, dataset_ids=None)
    for name, instances in _shown(attributes, options):
        rendered[_compact(name, ld_context)] = [_instance(one, ld_context, own, timeproperty) for one in instances]
    return rendered


def render_simplified_evolution(
    head: JsonObject,
    attributes: dict[str, list[JsonObject]],
    ld_context: LdContext,
    options: RenderOptions,
    timeproperty: str,
) -> JsonObject:
    """The simplified temporal representation (4.5.9); arguments as `render_evolution`.

    An Attribute with several datasetIds (or types) has an array of objects, one for each, with its datasetId.
    """
    rendered = _head(head, ld_context, options)
    own = replace(options, format="simplified", dataset_ids=None)
    for name, instances in _shown(attributes, options):
        groups: dict[tuple[str, str | None], list[JsonObject]] = {}
        for one in instances:
            groups.setdefault((one["type"], one.get("datasetId")), []).append(one)
        series = [
            _series(kind, dataset, group, ld_context, own, timeproperty) for (kind, dataset), group in groups.items()
        ]
        rendered[_compact(name, ld_context)] = series[0] if len(series) == 1 else series
    return rendered


def render_aggregated_evolution(
    head: JsonObject,
    attributes: dict[str, list[JsonObject]],
    ld_context: LdContext,
    options: RenderOptions,
    timeproperty: str,
    aggregation: Aggregation,
    time_range: tuple[str | None, str | None],
) -> JsonObject:
    """The aggregated temporal representation (4.5.19); arguments as `render_evolution`.

    Args:
        aggregation: What to calculate.
        time_range: Normalized start and end of the interval asked for; None where it is open.

    Raises:
        InvalidRequest: An Attribute that was asked for cannot be aggregated with any of the methods (5.7.4.4); where
            none was named, such Attributes are left out.
    """
    rendered = _head(head, ld_context, options)
    for name, instances in _shown(attributes, options):
        if name == "scope":
            continue
        aggregated = aggregate(instances, aggregation, timeproperty, *time_range)
        if len(aggregated) > 1:
            rendered[_compact(name, ld_context)] = aggregated
        elif _is_named(options) and not is_eligible(instances, aggregation, timeproperty):
            raise InvalidRequest(
                f"The values of {name} cannot be aggregated with {', '.join(aggregation.methods)} (clause 4.5.19.1)."
            )
    return rendered


def _is_named(options: RenderOptions) -> bool:
    return options.attributes is not None or options.pick is not None


def _compact(name: str, ld_context: LdContext) -> str:
    return name if name == "scope" else ld_context.compact_iri(name)


def _head(head: JsonObject, ld_context: LdContext, options: RenderOptions) -> JsonObject:
    rendered: JsonObject = {}
    for member in ("id", "type", *_SYSTEM_TIMES):
        if member not in head or not options.shows(member):
            continue
        if member == "type":
            types = [ld_context.compact_iri(name) for name in head["type"]]
            rendered["type"] = types[0] if len(types) == 1 else types
        elif member == "id" or options.sys_attrs:
            rendered[member] = head[member]
    return rendered


def _shown(attributes: dict[str, list[JsonObject]], options: RenderOptions) -> list[tuple[str, list[JsonObject]]]:
    return [
        (name, [_plain_scope(one) for one in instances] if name == "scope" else instances)
        for name, instances in attributes.items()
        if options.shows(name) and (options.attributes is None or name in options.attributes)
    ]


def _instance(instance: JsonObject, ld_context: LdContext, options: RenderOptions, timeproperty: str) -> JsonObject:
    rendered = render_instance(instance, ld_context, options)
    if not options.sys_attrs:
        for member in _SYSTEM_TIMES:
            if member != timeproperty:
                rendered.pop(member, None)
            elif member in instance:
                rendered[member] = instance[member]
    return rendered


def _series(
    kind: str,
    dataset: str | None,
    instances: Sequence[JsonObject],
    ld_context: LdContext,
    options: RenderOptions,
    timeproperty: str,
) -> JsonObject:
    values = [[render_attribute([one], ld_context, options), _instant(one, timeproperty)] for one in instances]
    if kind == "LanguageProperty" and options.language is not None:
        kind = "Property"  # 4.15: reduced to strings of one language
    series: JsonObject = {"type": kind, VALUES_MEMBER.get(kind, "values"): values}
    if dataset is not None:
        series["datasetId"] = dataset
    return series


def _instant(instance: JsonObject, timeproperty: str) -> JsonValue:
    """The Temporal Property asked for; where an instance has none (no interval was asked for), when it was written."""
    return instance.get(timeproperty) or instance.get("modifiedAt") or instance.get("createdAt")


def _plain_scope(instance: JsonObject) -> JsonObject:
    """A scope is a string, several are an array of strings (4.18)."""
    value = instance["value"]
    return {**instance, "value": value[0]} if isinstance(value, list) and len(value) == 1 else instance
