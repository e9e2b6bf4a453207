"""The subcommands of `ldt`, one module each."""
