"""Renderings of the one raw report, one file a format."""

from __future__ import annotations

from pathlib import Path

from ldt_conformance.engine.report import Report

__all__ = ["write_default_outputs"]


def write_default_outputs(report: Report, out_dir: Path) -> list[Path]:
    """Write report.html, gap.html, summary.md, junit.xml, badge.svg and badge.json; see `interface`."""
    from ldt_conformance.reports import interface  # here: the gap page, which it renders, uses this package's words

    return interface.write_default_outputs(report, out_dir)
