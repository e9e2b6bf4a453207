"""Where pages start: ETSI GS CIM 009 V1.9.1, clauses 5.5.9.2 and 6.3.10."""

from __future__ import annotations


def page_start(offset: int, size: int) -> int:
    """The offset to be used where a result set has this size.

    Table 6.3.10-2: with an offset larger than the result set "only the last element of the result set is to be
    returned if there are any results"; without any, the page is the first one. An offset equal to the size stays: it
    gives an empty page, so that clients that count on come to an end.
    """
    return max(0, size - 1) if offset > size else offset
