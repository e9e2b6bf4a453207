"""The checks: pytest modules that know the twin by URL alone; one package a pack."""
