"""Renderings of the one raw report, one file a format."""
