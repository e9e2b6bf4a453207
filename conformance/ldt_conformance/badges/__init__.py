"""Badges: an SVG of our own that reads without colour, and the JSON that shields.io's endpoint badge wants."""
