"""What the page asks of the twin, read through NGSI-LD alone: the same API that anybody else has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ldt_stack.ngsi_ld_client import NgsiLdClient
from ldt_stack.ui.themes import Theme

JsonObject = dict[str, Any]
CHART_WINDOW = timedelta(hours=48)
CHART_POINTS = 400  # a chart is a few hundred pixels wide


def value_of(entity: JsonObject, attribute: str) -> Any:
    """The value of a Property (the first instance where there are several); None where it has none."""
    found = entity.get(attribute)
    first = found[0] if isinstance(found, list) and found else found
    return first.get("value") if isinstance(first, dict) else None


def instant_of(entity: JsonObject, attribute: str) -> str | None:
    """A DateTime value as its RFC 3339 text."""
    value = value_of(entity, attribute)
    return value.get("@value") if isinstance(value, dict) else value


def station_of(entity: JsonObject, theme: Theme) -> JsonObject:
    """One row of the page's list: id, name, place, value and when it was observed."""
    location = value_of(entity, "location")
    value = value_of(entity, theme.attribute)
    attribute = entity.get(theme.attribute)
    return {
        "id": entity["id"],
        "name": value_of(entity, "name") or entity["id"],
        "location": location["coordinates"] if isinstance(location, dict) and location.get("type") == "Point" else None,
        "value": value if isinstance(value, int | float) else None,
        "observed": attribute.get("observedAt") if isinstance(attribute, dict) else None,
    }


async def stations(client: NgsiLdClient, theme: Theme) -> JsonObject:
    """All stations of a theme with their newest value."""
    rows = [station_of(entity, theme) for entity in await client.entities(theme.type)]
    observed = [row["observed"] for row in rows if row["observed"]]
    return {"stations": sorted(rows, key=lambda row: str(row["name"])), "newest": max(observed, default=None)}


def thinned(rows: list[list[Any]], most: int = CHART_POINTS) -> list[list[Any]]:
    """Every n-th row, the newest always among them."""
    step = -(-len(rows) // most) or 1
    return rows[::-1][::step][::-1]


async def series(client: NgsiLdClient, theme: Theme, entity_id: str, speed: float) -> JsonObject:
    """Observed values of the last 48 hours of the city, and the forecast that was derived from them.

    Args:
        speed: Seconds of the city in a second; the window shrinks with it.

    Returns:
        `observed`: [instant, value], oldest first; `forecast`: [instant, lower, median, upper]; `issued` and `model`.
    """
    now = datetime.now(UTC)
    if not theme.live:
        return {"observed": [], "forecast": [], "issued": None, "model": None}
    start, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (now - CHART_WINDOW / speed, now + timedelta(1)))
    history = await client.history(entity_id, theme.attribute, start, end)
    observed = thinned([[instant, value] for value, instant in history])
    return {"observed": observed, **await forecast(client, theme, entity_id)}


async def forecast(client: NgsiLdClient, theme: Theme, entity_id: str) -> JsonObject:
    """The forecast entities that were derived from an observed one."""
    if theme.forecast_type is None:
        return {"forecast": [], "issued": None, "model": None}
    found = await client.entities(theme.forecast_type, q=f'wasDerivedFrom=="{entity_id}"')
    names = (f"{theme.attribute}Lower", theme.attribute, f"{theme.attribute}Upper")
    rows = [[instant_of(entity, "validFrom"), *(value_of(entity, name) for name in names)] for entity in found]
    issued = [instant for entity in found if (instant := instant_of(entity, "dateIssued"))]
    versions = sorted({f"{value_of(entity, 'modelName')} {value_of(entity, 'modelVersion')}" for entity in found})
    whole = sorted((row for row in rows if None not in row), key=lambda row: str(row[0]))
    return {"forecast": whole, "issued": max(issued, default=None), "model": ", ".join(versions) or None}
