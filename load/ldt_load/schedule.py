"""When each request is due: an open, seeded schedule that no answer can slow down.

An open model's arrivals follow a clock, whatever the target does. The schedule is therefore made before the first
request and depends on the seed alone: two runs with the same seed offer the same requests at the same moments.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

RateCurve = Callable[[float], float]  # share of the run that has passed (0..1) -> share of the top rate (0..1)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due.

    Attributes:
        number: Place in the schedule, from 0.
        due: Seconds after the start of the run.
        operation: Name of the operation of the scenario.
        draw: Seeded number in [0, 1) by which the operation chooses what it asks for.
    """

    number: int
    due: float
    operation: str
    draw: float


def constant(_share: float) -> float:
    """The same rate from beginning to end."""
    return 1.0


def city_day(share: float) -> float:
    """A day with two rush hours, compressed into the run: 0.3 of the top rate at night, 1.0 in the rush.

    The peaks lie at 08:00 and 17:30, each about two hours wide.
    """
    hour = 24.0 * share

    def peak(centre: float) -> float:
        return math.exp(-0.5 * ((hour - centre) / 1.3) ** 2)

    return 0.3 + 0.7 * min(1.0, peak(8.0) + peak(17.5))


def arrivals(
    *, rate: float, duration: float, mix: Mapping[str, float], seed: int, curve: RateCurve = constant
) -> Iterator[Arrival]:
    """Poisson arrivals at `rate` times the curve, by thinning a Poisson process of the top rate.

    Args:
        rate: Top rate in requests per second, above 0.
        duration: Seconds.
        mix: Operation name -> weight; only ratios count.
        seed: Same seed, same schedule.
        curve: Share of the run -> share of the rate, never above 1.

    Raises:
        ValueError: A rate, duration or mix that offers nothing.
    """
    if rate <= 0 or duration <= 0:
        raise ValueError(f"rate {rate}/s over {duration} s offers nothing; both must be above 0")
    names, weights = list(mix), list(mix.values())
    if not names or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError(f"mix {dict(mix)!r} offers nothing; at least one weight must be above 0")
    draw = random.Random(seed)  # noqa: S311 — a repeatable schedule, not a secret
    clock = 0.0
    number = 0
    while True:
        clock += draw.expovariate(rate)
        if clock >= duration:
            return
        keep, operation, choice = draw.random(), draw.choices(names, weights)[0], draw.random()
        if keep < curve(clock / duration):
            yield Arrival(number, clock, operation, choice)
            number += 1
