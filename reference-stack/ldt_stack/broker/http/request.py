"""The request as resource modules see it: Starlette's, with look-ups of headers and parameters that cost little.

Every request is asked for some thirty headers and parameters, most of which it does not have; Starlette's look-ups
search a list, or raise and catch an exception, each time.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.types import Receive, Scope


class _Headers(Headers):
    """Indexed once."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._values: dict[str, list[str]] = {}
        for name, value in self._list:
            self._values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))

    def get(self, key: str, default: Any = None) -> Any:
        found = self._values.get(key.lower())
        return default if found is None else found[0]

    def getlist(self, key: str) -> list[str]:
        return self._values.get(key.lower(), [])

    def __getitem__(self, key: str) -> str:
        return self._values[key.lower()][0]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._values


class _QueryParams(QueryParams):
    """Absent parameters raise nothing."""

    def get(self, key: Any, default: Any = None) -> Any:
        return self._dict.get(key, default)


class BrokerRequest(Request):
    """A request to the broker."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._indexed = _Headers(scope)
        self._parameters = _QueryParams(scope["query_string"])

    @property
    def headers(self) -> Headers:
        """Header fields, by name without case."""
        return self._indexed

    @property
    def query_params(self) -> QueryParams:
        """Parameters; the last one of several with the same name."""
        return self._parameters
