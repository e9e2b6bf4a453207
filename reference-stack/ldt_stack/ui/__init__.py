"""The eyes of the twin: a map and charts of what the broker holds now, observed and forecast told apart."""
