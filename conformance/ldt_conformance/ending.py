"""What ends every run: the catalogue, the gap analysis, the levels and the default renderings, for the engine's use."""

from __future__ import annotations

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.run.main_run import Ending
from ldt_conformance.gap import complete
from ldt_conformance.reports.interface import write_default_outputs


def ending() -> Ending:
    """The parts that a run's end is made of."""
    return Ending(catalogue=load_catalogue(), complete=complete, render=write_default_outputs)
