"""Renderings of the one raw report, one module a format; `interface` is the way in."""
