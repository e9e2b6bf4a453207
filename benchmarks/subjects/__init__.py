"""One module a subject; each has `run(rounds) -> Iterator[Row]`."""
