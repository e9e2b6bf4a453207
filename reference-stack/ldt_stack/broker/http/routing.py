"""From a path and a method to an endpoint.

Resource modules declare `Route`s; those that share a path are joined, so that 405 names every method of the
resource (6.3.2). Segments are matched before they are percent-decoded: an id may be a URL with slashes. A trailing
slash makes no difference (table 6.2-1 has it, other clauses do not).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.http.messages import Endpoint
from ldt_stack.broker.http.problems import HttpError


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, the path of its resource with `{names}` for what varies, and its methods."""

    path: str
    endpoint: Endpoint
    methods: Collection[str] = ("GET",)


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: tuple[str, _Node] | None = None
    methods: dict[str, Endpoint] = field(default_factory=dict)


class Router:
    """A tree of path segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self.routes = tuple(routes)
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                name = segment[1:-1]
                if node.parameter is None:
                    node.parameter = (name, _Node())
                if node.parameter[0] != name:
                    raise ValueError(f"{route.path}: the parameter is called {node.parameter[0]} in another route")
                node = node.parameter[1]
            else:
                node = node.literals.setdefault(segment, _Node())
        for method in route.methods:
            if method in node.methods:
                raise ValueError(f"{method} {route.path} is declared twice")
            node.methods[method] = route.endpoint
            if method == "GET":
                node.methods["HEAD"] = route.endpoint

    def find(self, method: str, raw_path: str) -> tuple[Endpoint, dict[str, str]]:
        """The endpoint and the decoded path parameters.

        Raises:
            ResourceNotFound: No resource has this path.
            BadRequestData: An id or name in the path is empty.
            HttpError: 405, with the methods that the resource has.
        """
        node = self._root
        parameters: dict[str, str] = {}
        for segment in raw_path.strip("/").split("/"):
            if "%" in segment:
                segment = unquote(segment)
            below = node.literals.get(segment)
            if below is None:
                if node.parameter is None:
                    raise ResourceNotFound(f"There is no resource at {raw_path}; see /openapi.json for those there are")
                if not segment:
                    raise BadRequestData(f"The path {raw_path} has an empty segment where an id or a name is expected")
                name, below = node.parameter
                parameters[name] = segment
            node = below
        endpoint = node.methods.get(method)
        if endpoint is None:
            if not node.methods:
                raise ResourceNotFound(f"There is no resource at {raw_path}; see /openapi.json for those there are")
            raise HttpError(405, {"Allow": ", ".join(sorted(node.methods))})
        return endpoint, parameters
