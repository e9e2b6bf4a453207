"""Which moment of a recorded series is "now".

Series are kept in the local time of the place where they were recorded, and are replayed in the local time of the city
where the twin stands, so that rush hour falls into the morning. They are shifted by whole weeks, so that a Monday stays
a Monday, and by as many of them as bring the season closest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor

WINTER_OFFSET = timedelta(hours=2)  # Europe/Helsinki, EET
SUMMER_OFFSET = timedelta(hours=3)  # EEST
WEEK = timedelta(weeks=1)
HOUR_SECONDS = 3600.0
DAYS_A_YEAR = 365.2425


def _last_sunday_one_utc(year: int, month: int) -> datetime:
    """When summer time begins (March) or ends (October) in the EU (Directive 2000/84/EC): last Sunday, 01:00 UTC."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def helsinki_time(moment: datetime) -> datetime:
    """Local wall time without zone. Own rule, since Windows and slim images have no time zone database."""
    summer = _last_sunday_one_utc(moment.year, 3) <= moment < _last_sunday_one_utc(moment.year, 10)
    return (moment + (SUMMER_OFFSET if summer else WINTER_OFFSET)).replace(tzinfo=None)


def rfc3339(moment: datetime) -> str:
    """UTC with `Z`, whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def parse_instant(text: str) -> datetime:
    """The instant of an RFC 3339 text."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class SeriesClock:
    """Maps the wall clock to the time in which the city lives.

    At speed 1 both are the same. At speed 60 an hour of the city passes each minute, before the start as well: the
    whole time axis is compressed around `epoch`, so that history and what follows fit together.

    Attributes:
        epoch: Where both clocks agree.
        speed: City seconds a wall second.
    """

    epoch: datetime
    speed: float = 1.0

    def city_time(self, wall: datetime) -> datetime:
        """Instant of the city at a wall instant."""
        return self.epoch + (wall - self.epoch) * self.speed

    def wall_time(self, city: datetime) -> datetime:
        """Wall instant at which the city reaches an instant; observations are stamped with it."""
        return self.epoch + (city - self.epoch) / self.speed

    def step_seconds(self) -> float:
        """Wall seconds in which an hour of the city passes."""
        return HOUR_SECONDS / self.speed


def shift_weeks(start: datetime, now: datetime) -> int:
    """By how many whole weeks a series that starts at `start` is moved so that `now` falls into its season.

    Args:
        start: First moment of the series, a Monday 00:00, local time.
        now: The city's present, local time.
    """
    years = floor((now - start) / timedelta(days=DAYS_A_YEAR))
    anniversary = start + timedelta(days=years * DAYS_A_YEAR)
    return round((anniversary - start) / WEEK)
