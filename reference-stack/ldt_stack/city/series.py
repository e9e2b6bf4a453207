"""The recorded series that come with the package (`data/*.csv.gz`); their sources are in `data/ATTRIBUTION.md`."""

from __future__ import annotations

import csv
import gzip
import io
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from ldt_stack.city.clock import WEEK, shift_weeks

HOURS_A_WEEK = 168
# First hour of the series whose columns are no start days themselves (the others are named by their first Monday).
STARTS = {"weather": "2013-12-30", "parking": "2016-10-03"}
WEEKS = {"traffic": 52, "air": 52, "weather": 52, "energy": 52, "parking": 11}


@dataclass(frozen=True, slots=True)
class Series:
    """One recorded column: hours since its first Monday 00:00 (local), and the value at each.

    Attributes:
        start: That Monday.
        weeks: Length after which the replay begins again at the same weekday and hour.
        hours: Ascending; gaps of the source are gaps here.
        values: As recorded.
    """

    name: str
    start: datetime
    weeks: int
    hours: tuple[float, ...]
    values: tuple[float, ...]

    def position(self, local: datetime, shift: int) -> float:
        """Hour of the series that is the present at a local time, after a shift of whole weeks."""
        since = local - (self.start + shift * WEEK)
        return (since / timedelta(hours=1)) % (self.weeks * HOURS_A_WEEK)

    def recorded(self, position: float) -> float | None:
        """The value recorded at exactly this hour; None in a gap."""
        index = bisect_right(self.hours, position + 1e-6) - 1
        return self.values[index] if index >= 0 and abs(self.hours[index] - position) < 1e-3 else None

    def interpolated(self, position: float) -> float:
        """Linear between the recorded neighbours, whatever their distance; recorded values where there is one."""
        period = self.weeks * HOURS_A_WEEK
        after = bisect_right(self.hours, position)
        left, right = after - 1, after % len(self.hours)
        hour_left = self.hours[left] - (period if left < 0 else 0)
        hour_right = self.hours[right] + (period if right < after else 0)
        share = (position - hour_left) / (hour_right - hour_left)
        return self.values[left] + share * (self.values[right] - self.values[left])

    def shift_for(self, local_now: datetime) -> int:
        """Whole weeks by which the replay moves this series; see `clock.shift_weeks`."""
        return shift_weeks(self.start, local_now)


@cache
def load_series(name: str) -> dict[str, Series]:
    """Every column of one data set, by its name.

    Raises:
        FileNotFoundError: There is no such data set in the package.
    """
    packed = files("ldt_stack.city").joinpath("data", f"{name}.csv.gz").read_bytes()
    rows = csv.reader(io.StringIO(gzip.decompress(packed).decode()))
    header = next(rows)
    points: list[list[tuple[float, float]]] = [[] for _ in header]
    for row in rows:
        for column in range(1, len(row)):
            if row[column]:
                points[column].append((float(row[0]), float(row[column])))
    return {
        column: Series(
            name=f"{name}/{column}",
            start=datetime.fromisoformat(STARTS.get(name, column)),
            weeks=WEEKS[name],
            hours=tuple(hour for hour, _ in points[index]),
            values=tuple(value for _, value in points[index]),
        )
        for index, column in enumerate(header)
        if index
    }
