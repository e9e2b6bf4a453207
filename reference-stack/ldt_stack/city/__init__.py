"""A living city: real open series, replayed where a real city has such things, as NGSI-LD entities."""
