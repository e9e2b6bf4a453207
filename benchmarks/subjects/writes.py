"""Durable writes against a bare program that syncs, too: POST of one Entity, and batch upsert of a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import entities
from benchmarks.generator import generator
from benchmarks.rounds import Row, Side, compare, ratio
from benchmarks.servers import bare, broker

_POSTS, _BATCHES, _BATCH = 600, 40, 100


def _posts(number: int) -> Sequence[bytes]:
    return [entities.post(number * _POSTS + index, number) for index in range(_POSTS)]


def _upserts(number: int) -> Sequence[bytes]:
    """The first round creates, all later ones replace."""
    return [entities.upsert(10**6 + index * _BATCH, _BATCH, number) for index in range(_BATCHES)]


def run(rounds: int) -> Iterator[Row]:
    """Both ratios."""
    with generator() as load, broker() as ours, bare({"*": b"[]"}) as other:
        yield ratio("durable POST", ">= 0.8", *compare(load, [Side(ours, _posts), Side(other, _posts)], rounds))
        found = compare(load, [Side(ours, _upserts), Side(other, _upserts)], rounds)
        yield ratio("batch upsert of 100", ">= 0.25", *found)
