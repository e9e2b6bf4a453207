"""Durable writes against a bare program that syncs, too: POST of one Entity, and batch upsert of a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import entities
from benchmarks.generator import generator
from benchmarks.rounds import Row, Side, compare, ratio
from benchmarks.servers import bare, broker

_POSTS, _BATCHES, _BATCH = 600, 40, 100
_FIRST = 50_000  # of the batches' Entities, beyond those of the POSTs
_ROW = entities.side(100_000)  # of the grid: all places are on the map


def _posts(number: int) -> Sequence[bytes]:
    return [entities.post(number * _POSTS + index, number, _ROW) for index in range(_POSTS)]


def _upserts(number: int) -> Sequence[bytes]:
    """The first round creates, all later ones replace."""
    return [entities.upsert(_FIRST + index * _BATCH, _BATCH, number, _ROW) for index in range(_BATCHES)]


def run(rounds: int) -> Iterator[Row]:
    """Both ratios."""
    with generator() as load, broker() as ours, bare({"*": b"[]"}) as other:
        yield ratio("durable POST", ">= 0.8", *compare(load, [Side(ours, _posts), Side(other, _posts)], rounds))
        found = compare(load, [Side(ours, _upserts), Side(other, _upserts)], rounds)
        yield ratio("batch upsert of 100", ">= 0.25", *found)
