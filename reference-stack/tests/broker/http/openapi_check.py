"""Compares answers with the OpenAPI document: status, media type, headers and body."""

from __future__ import annotations

import json
from typing import Any

import httpx
from jsonschema import Draft4Validator  # OpenAPI 3.0 schemas are those of JSON Schema's fourth draft, nearly


class Document:
    """An OpenAPI document.

    Args:
        document: As the broker serves it.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = [(path.strip("/").split("/"), item) for path, item in document["paths"].items()]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What is said of a request; names before parameters."""
        segments = path.strip("/").split("/")
        fitting = [
            (sum(part.startswith("{") for part in template), item)
            for template, item in self._paths
            if len(template) == len(segments)
            and all(part.startswith("{") or part == given for part, given in zip(template, segments, strict=True))
        ]
        wanted = "get" if method == "HEAD" else method.lower()
        found: dict[str, Any] | None = min(fitting, key=lambda one: one[0])[1].get(wanted) if fitting else None
        return found

    def validate(self, schema: dict[str, Any], body: Any) -> list[str]:
        """What is wrong with a body."""
        whole = {**schema, "components": self.document["components"]}
        return [
            f"{list(error.absolute_path)}: {error.message[:200]}" for error in Draft4Validator(whole).iter_errors(body)
        ]

    def faults(self, response: httpx.Response) -> list[str]:
        """Where an answer is not what the document says; nothing is said of unknown resources and methods."""
        request = response.request
        operation = self.operation(request.method, request.url.raw_path.decode().partition("?")[0])
        if operation is None:
            return [] if response.status_code in (404, 405) else [f"not described, answered {response.status_code}"]
        said = operation["responses"].get(str(response.status_code))
        if said is None:
            return [f"{response.status_code} is not described"]
        mandatory = [name for name, header in said.get("headers", {}).items() if header["required"]]
        faults = [f"no {name}" for name in mandatory if name.lower() not in response.headers]
        content = said.get("content")
        if not response.content:
            return faults if content is None or request.method == "HEAD" else [*faults, "no body"]
        if content is None:
            return [*faults, "a body that is not described"]
        media_type = response.headers["content-type"].partition(";")[0]
        if media_type not in content:
            return [*faults, f"{media_type} is not described"]
        if media_type != "text/plain":
            faults += self.validate(content[media_type]["schema"], json.loads(response.content))
        return faults
