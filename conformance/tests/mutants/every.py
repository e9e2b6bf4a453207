"""All wrong brokers."""

from __future__ import annotations

from . import answers, attributes, distribution, expiry, mutants, purges, registry
from .faults import Mutant

MUTANTS: dict[str, Mutant] = {
    **mutants.MUTANTS,
    **attributes.MUTANTS,
    **answers.MUTANTS,
    **registry.MUTANTS,
    **distribution.MUTANTS,
    **expiry.MUTANTS,
    **purges.MUTANTS,
}
