"""What the page shows of each thematic data set: one measured attribute, its unit in words, and its forecast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """A choice in the page's head.

    Attributes:
        type: Entity type, a term of the city's @context.
        attribute: The attribute that map and chart show.
        unit: As people write it; the entities carry the UN/CEFACT code.
        live: Whether it changes; what does not has no chart.
        forecast_type: Type of its forecasts, None where nobody forecasts it.
    """

    key: str
    label: str
    type: str
    attribute: str
    measure: str
    unit: str
    live: bool = True
    forecast_type: str | None = None


THEMES: tuple[Theme, ...] = (
    Theme(
        "traffic", "Traffic", "TrafficFlowObserved", "intensity", "Vehicles", "per hour",
        forecast_type="TrafficFlowForecast",
    ),
    Theme("air", "Air", "AirQualityObserved", "pm25", "Fine dust PM2.5", "µg/m³"),
    Theme("parking", "Parking", "OffStreetParking", "availableSpotNumber", "Free places", "places"),
    Theme("energy", "Electricity", "ACMeasurement", "totalActivePower", "Active power", "W"),
    Theme("weather", "Weather", "WeatherObserved", "temperature", "Air temperature", "°C"),
    Theme("bikes", "Bike hire", "BikeHireDockingStation", "totalSlotNumber", "Slots", "slots", live=False),
)  # fmt: skip
BY_KEY = {theme.key: theme for theme in THEMES}
