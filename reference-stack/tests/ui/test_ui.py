"""The page's server: what it asks of a broker, what it gives to the page, and that it needs nobody else."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from ldt_stack.city.clock import SeriesClock, rfc3339
from ldt_stack.city.entities import date_time, description_entity, load_stations, observation, quantity, text_property
from ldt_stack.ngsi_ld_client import NgsiLdClient
from ldt_stack.ui.app import create_app
from ldt_stack.ui.themes import THEMES
from ldt_stack.ui.twin import thinned

NOW = datetime.now(UTC)
CLOCK = SeriesClock(NOW, 1.0)
NO_SHIFT: dict[str, int] = defaultdict(int)


class FakeBroker:
    """Answers the page's questions from the shipped city, without a broker."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status != 200:
            return httpx.Response(self.status, json={"title": "no"})
        path = request.url.path.removeprefix("/ngsi-ld/v1")
        if path == "/types":
            return httpx.Response(200, json={"type": "EntityTypeList", "typeList": []})
        if path == "/entities":
            return httpx.Response(200, json=self.entities(request.url.params["type"]))
        values = [[100 + hour, rfc3339(NOW - timedelta(hours=48 - hour))] for hour in range(48)]
        return httpx.Response(200, json={"intensity": {"type": "Property", "values": values}})

    @staticmethod
    def entities(entity_type: str) -> list[dict[str, Any]]:
        if entity_type == "TrafficFlowForecast":
            return [forecast(hour) for hour in (2, 1)]
        stations = [station for station in load_stations() if station.type == entity_type]
        return [{**description_entity(station), **observation(station, CLOCK, NOW, NO_SHIFT)} for station in stations]


def forecast(hour: int) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:TrafficFlowForecast:x:h{hour:02}",
        "type": "TrafficFlowForecast",
        "dateIssued": date_time("2026-11-23T10:00:00Z"),
        "validFrom": date_time(f"2026-11-23T{10 + hour}:00:00Z"),
        "modelName": text_property("traffic"),
        "modelVersion": text_property("v1"),
        "intensityLower": quantity(90 + hour, "H10"),
        "intensity": quantity(100 + hour, "H10"),
        "intensityUpper": quantity(110 + hour, "H10"),
    }


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


class Page:
    """Asks the page's server, in process."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def get(self, path: str, params: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._get(path, params))

    async def _get(self, path: str, params: dict[str, str] | None) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://page.test") as client:
            return await client.get(path, params=params)


@pytest.fixture
def page(broker: FakeBroker) -> Page:
    return Page(create_app(NgsiLdClient("http://broker.test", "http://city.test/context", httpx.MockTransport(broker))))


@pytest.mark.parametrize("theme", THEMES, ids=[theme.key for theme in THEMES])
def test_every_theme_has_stations_with_place_and_value(page: Page, theme: Any) -> None:
    """Each theme of the page is one of the city's, and its attribute is a number there."""
    answer = page.get("/api/now", params={"theme": theme.key}).json()

    assert answer["stations"], theme
    for station in answer["stations"]:
        assert station["name"]
        assert len(station["location"]) == 2
        assert isinstance(station["value"], int | float)
    assert (answer["newest"] is not None) == theme.live


def test_observed_and_forecast_are_told_apart(page: Page, broker: FakeBroker) -> None:
    """The series gives observations and, ordered by their moment, the forecasts with their quantiles and origin."""
    station = page.get("/api/now", params={"theme": "traffic"}).json()["stations"][0]["id"]

    answer = page.get("/api/series", params={"theme": "traffic", "id": station}).json()

    assert len(answer["observed"]) == 48
    assert answer["forecast"] == [["2026-11-23T11:00:00Z", 91, 101, 111], ["2026-11-23T12:00:00Z", 92, 102, 112]]
    assert answer["issued"] == "2026-11-23T10:00:00Z"
    assert answer["model"] == "traffic v1"
    asked = broker.asked[-1].url.params
    assert asked["q"] == f'wasDerivedFrom=="{station}"'


def test_a_broker_that_fails_is_said_so(page: Page, broker: FakeBroker) -> None:
    """502 with the broker's own status in words, never a traceback."""
    broker.status = 503

    answer = page.get("/api/now", params={"theme": "traffic"})

    assert answer.status_code == 502
    assert "503" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"), [("/api/now?theme=x", 404), ("/api/series?theme=traffic&id=x", 400), ("/geo/roads", 404)]
)
def test_wrong_questions_are_refused(page: Page, path: str, status: int) -> None:
    """Unknown themes, ids and layers are the asker's mistakes."""
    assert page.get(path).status_code == status


def test_the_page_needs_nobody_else() -> None:
    """No file of the page names another host to load from: it works without internet."""
    static = files("ldt_stack.ui").joinpath("static")
    for name in ("index.html", "app.css", "api.js", "map.js", "series.js", "main.js"):
        text = static.joinpath(name).read_text(encoding="utf-8")
        assert not re.findall(r"(?:https?:)?//[\w.-]+\.\w{2,}", text.replace("// ", "")), name


def test_everything_the_page_refers_to_is_there(page: Page) -> None:
    """Each href, src and import of the page and its scripts is answered 200, with the security headers."""
    html = page.get("/").text
    wanted = re.findall(r'(?:href|src)="(static/[^"]+)"', html)
    assert len(wanted) >= 5
    for path in [*wanted, "config.json", "static/map.js", "static/series.js", "static/api.js"]:
        answer = page.get(f"/{path}")
        assert answer.status_code == 200, path
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    for layer in page.get("/config.json").json()["layers"]:
        assert json.loads(page.get(f"/geo/{layer}").content)["features"]


def test_a_long_series_is_thinned_but_keeps_its_newest() -> None:
    """At most 400 points, in order, the last of them the newest."""
    rows = [[f"{number:05}", number] for number in range(12_345)]

    kept = thinned(rows)

    assert len(kept) <= 400
    assert kept[-1] == rows[-1]
    assert kept == sorted(kept)
    assert thinned([]) == []
