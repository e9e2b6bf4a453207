"""What the small APIs of these tests share."""

from __future__ import annotations

from typing import Any

from werkzeug import Request

from .conftest import Reply

Table = dict[str, Reply]
PLACES = [(4.35 + 0.02 * number, 50.85) for number in range(5)]  # 1.4 km apart
FAULTS = {"warn", "fail", "info"}


def page_of(request: Request, entities: list[Any]) -> tuple[list[Any], int, int]:
    """What limit and offset ask for."""
    limit, offset = int(request.args.get("limit", 20)), int(request.args.get("offset", 0))
    return entities[offset : offset + limit], limit, offset
