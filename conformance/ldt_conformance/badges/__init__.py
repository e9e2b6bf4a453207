"""The badge: SVG and shields endpoint, from the roll-up."""
