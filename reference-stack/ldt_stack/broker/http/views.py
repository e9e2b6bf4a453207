"""Parameters that say what is shown of Entities, and answers that show it.

ETSI GS CIM 009 V1.9.1, clauses 6.3.6 (@context), 6.3.7 (format), 6.3.11 (sysAttrs) and 6.3.15 (GeoJSON).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from ldt_stack.broker.errors import BadRequestData, InvalidRequest
from ldt_stack.broker.http.conformance import NON_AUTHORITATIVE, amend_shown, applied, preferences, wanted_version
from ldt_stack.broker.http.headers import GEO_JSON, JSON
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import identifiers, read_options, whole_number
from ldt_stack.broker.http.responses import respond, respond_json
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import LOCATION, JsonObject
from ldt_stack.broker.operations.consumption.linked import Shown
from ldt_stack.broker.operations.consumption.query_input import PLAIN, ViewInput
from ldt_stack.broker.representation import Format, render_entity, render_feature, render_text

FORMAT_PARAMETERS: Final = ("format", "options", "geometryProperty")
VIEW_PARAMETERS: Final = (
    *FORMAT_PARAMETERS,
    "attrs",
    "pick",
    "omit",
    "lang",
    "datasetId",
    "join",
    "joinLevel",
    "containedBy",
)
_NAMES: Final = frozenset(VIEW_PARAMETERS)
_FORMATS: Final[dict[str, Format]] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}

_AT_ONCE: Final = 50  # Entities, about a millisecond


def read_format(request: Request) -> tuple[Format, bool]:
    """The representation, and whether system Attributes are shown; `format` wins over `options` (6.3.7).

    Raises:
        InvalidRequest: A value is not known (6.3.20), or several representations are named.
    """
    options = read_options(request, (*_FORMATS, "sysAttrs"))
    named = {_FORMATS[option] for option in options if option in _FORMATS}
    chosen = request.query_params.get("format")
    if chosen is not None:
        if chosen not in _FORMATS:
            raise InvalidRequest(f"format={chosen} is not supported; expected one of {', '.join(_FORMATS)}.")
        named = {_FORMATS[chosen]}
    if len(named) > 1:
        raise InvalidRequest("options names more than one representation; expected one of normalized, concise …")
    return named.pop() if named else "normalized", "sysAttrs" in options


def read_view(request: Request) -> ViewInput:
    """The view that the parameters of a GET describe (tables 6.4.3.2-1 and 6.5.3.1-1).

    Raises:
        InvalidRequest: As `read_format`.
        BadRequestData: joinLevel is no number.
    """
    given = request.query_params
    if _NAMES.isdisjoint(given):
        return PLAIN
    chosen, sys_attrs = read_format(request)
    dataset_ids = given.get("datasetId")
    return ViewInput(
        attrs=given.get("attrs"),
        pick=given.get("pick"),
        omit=given.get("omit"),
        lang=given.get("lang"),
        dataset_ids=None if dataset_ids is None else identifiers(dataset_ids),
        join=given.get("join"),
        join_level=whole_number(given.get("joinLevel"), "joinLevel"),
        contained_by=identifiers(given.get("containedBy")),
        format=chosen,
        sys_attrs=sys_attrs,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer with Entities is written: media type and geometry."""

    media_type: str
    geometry_property: str | None = None

    def shown(self, view: ViewInput) -> ViewInput:
        """The view, with the geometry that GeoJSON shows beside the members it names."""
        return replace(view, geometry=self.geometry_property or "location") if self.media_type == GEO_JSON else view


def read_answer(request: Request, media_type: str) -> Answer:
    """The media type that `accept` chose, with the geometry for GeoJSON.

    Raises:
        BadRequestData: geometryProperty is given, but no GeoJSON is asked for (5.7.1.4, 5.7.2.4).
    """
    geometry_property = request.query_params.get("geometryProperty")
    if geometry_property is not None and media_type != GEO_JSON:
        raise BadRequestData(f"geometryProperty goes with Accept: {GEO_JSON} alone, the answer would be {media_type}.")
    return Answer(media_type, geometry_property)


def takes_text(request: Request, answer: Answer) -> bool:
    """Whether normalized Entities can be answered as text: as plain JSON, and as this version knows them."""
    return answer.media_type == JSON and "prefer" not in request.headers


async def respond_with_text(request: Request, text: str, ld_context: LdContext) -> Response:
    """One Entity, normalized, in full."""
    return await respond_json(request, render_text(text, ld_context).encode(), ld_context)


async def respond_with_texts(
    request: Request, texts: Sequence[str], ld_context: LdContext, headers: Mapping[str, str]
) -> Response:
    """An array of Entities, normalized, in full."""
    rendered: list[str] = []
    for start in range(0, len(texts), _AT_ONCE):
        if start:
            await asyncio.sleep(0)
        rendered += [render_text(text, ld_context) for text in texts[start : start + _AT_ONCE]]
    return await respond_json(request, f"[{','.join(rendered)}]".encode(), ld_context, headers=headers)


async def respond_with_entity(
    request: Request,
    shown: Shown,
    ld_context: LdContext,
    answer: Answer,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One Entity, or one Feature."""
    amended, status, out = _amended(request, [shown], ld_context, answer, headers, 200)
    return await _respond(request, _rendered(amended, ld_context, answer)[0], ld_context, answer, out, status)


async def respond_with_entities(
    request: Request,
    shown: Sequence[Shown],
    ld_context: LdContext,
    answer: Answer,
    headers: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> Response:
    """An array of Entities, or one FeatureCollection."""
    shown, status, out = _amended(request, shown, ld_context, answer, headers, status)
    rendered: list[JsonObject] = []
    for start in range(0, len(shown), _AT_ONCE):
        if start:
            await asyncio.sleep(0)  # a long answer lets the others through
        rendered += _rendered(shown[start : start + _AT_ONCE], ld_context, answer)
    if answer.media_type == GEO_JSON:
        collection = {"type": "FeatureCollection", "features": rendered}
        return await _respond(request, collection, ld_context, answer, out, status)
    return await _respond(request, rendered, ld_context, answer, out, status)


def _amended(
    request: Request,
    shown: Sequence[Shown],
    ld_context: LdContext,
    answer: Answer,
    headers: Mapping[str, str] | None,
    status: int,
) -> tuple[Sequence[Shown], int, dict[str, str]]:
    """The Entities as the version that the client prefers knew them (5.7.1.4, 5.7.2.4), with status and headers."""
    out = dict(headers or {})
    version = wanted_version(request)
    if version is None or answer.media_type == GEO_JSON:
        return shown, status, out
    shown, altered = amend_shown(shown, version, ld_context)
    return shown, NON_AUTHORITATIVE if altered else status, out | applied(version)


def _rendered(shown: Sequence[Shown], ld_context: LdContext, answer: Answer) -> list[JsonObject]:
    """Entities, or Features."""
    if answer.media_type != GEO_JSON:
        return [render_entity(entity, ld_context, options) for entity, options in shown]
    name = answer.geometry_property
    geometry = LOCATION if name is None else ld_context.expand_term(name)
    return [render_feature(entity, ld_context, options, geometry) for entity, options in shown]


async def _respond(
    request: Request,
    data: JsonObject | list[JsonObject],
    ld_context: LdContext,
    answer: Answer,
    out: dict[str, str],
    status: int,
) -> Response:
    if answer.media_type != GEO_JSON:
        return await respond(request, data, ld_context, answer.media_type, status=status, headers=out)
    if preferences(request).get("body") == "json":
        # As plain JSON: the @context in the Link header, not in the body (6.3.6).
        return await respond(request, data, ld_context, GEO_JSON, status=status, headers=out)
    body = {**data, "@context": ld_context.rendered} if isinstance(data, dict) else data
    return Response(orjson.dumps(body), status, out, GEO_JSON)
