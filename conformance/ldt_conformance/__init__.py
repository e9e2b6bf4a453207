"""The conformance suite: checks, engine, reports, badges and the `ldt` command."""
