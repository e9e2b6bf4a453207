"""The schedule: open, seeded, and of the rate and mix that were asked for."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_load.schedule import arrivals, city_day, constant

MIX = {"update": 3.0, "query": 1.0}


@given(seed=st.integers(0, 2**32), rate=st.floats(1, 200), duration=st.floats(0.5, 20))
@settings(max_examples=60, deadline=None)
def test_a_schedule_follows_from_its_seed(seed: int, rate: float, duration: float) -> None:
    """The same seed makes the same arrivals, in order, inside the run, numbered without gap."""
    made = list(arrivals(rate=rate, duration=duration, mix=MIX, seed=seed))

    assert made == list(arrivals(rate=rate, duration=duration, mix=MIX, seed=seed))
    assert [arrival.number for arrival in made] == list(range(len(made)))
    assert all(0 <= arrival.due < duration and 0 <= arrival.draw < 1 for arrival in made)
    assert [arrival.due for arrival in made] == sorted(arrival.due for arrival in made)


def test_rate_and_mix_are_those_that_were_asked_for() -> None:
    """Over 10,000 arrivals the count lies within five standard deviations, the mix within two points."""
    made = list(arrivals(rate=100, duration=100, mix=MIX, seed=3))

    assert abs(len(made) - 10_000) < 5 * math.sqrt(10_000)
    share = Counter(arrival.operation for arrival in made)["update"] / len(made)
    assert abs(share - 0.75) < 0.02


def test_gaps_are_exponential_not_regular() -> None:
    """Poisson arrivals: the standard deviation of the gaps equals their mean, within five per cent."""
    due = [arrival.due for arrival in arrivals(rate=100, duration=200, mix=MIX, seed=4)]
    gaps = [after - before for before, after in itertools.pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))

    assert abs(deviation / mean - 1) < 0.05


def test_a_city_day_has_two_rushes() -> None:
    """More is due at eight and at half past five than at three in the night, by the curve's own ratio."""
    made = [arrival.due / 240 * 24 for arrival in arrivals(rate=200, duration=240, mix=MIX, seed=5, curve=city_day)]

    def between(low: float, high: float) -> int:
        return sum(low <= hour < high for hour in made)

    night = between(2, 4)
    assert 2.5 < between(7, 9) / night < 4
    assert 2.5 < between(16.5, 18.5) / night < 4
    assert all(0 < city_day(step / 100) <= 1 for step in range(101))


@pytest.mark.parametrize(
    ("rate", "duration", "mix"), [(0, 1, MIX), (1, 0, MIX), (-1, 1, MIX), (1, 1, {}), (1, 1, {"a": 0.0})]
)
def test_a_schedule_that_offers_nothing_is_refused(rate: float, duration: float, mix: dict[str, float]) -> None:
    """An empty load would pass everything, so it is an error."""
    with pytest.raises(ValueError, match="offers nothing"):
        list(arrivals(rate=rate, duration=duration, mix=mix, seed=1, curve=constant))
