"""The subcommands of `ldt`, one module each, with `register(app)`; `cli.COMMANDS` lists them.

`check.py` holds the options of `ldt check` alone, `check_run.py` what it does: the second is imported when the command
is called, so that `ldt --help` loads neither pytest nor the page templates, and a missing extra concerns only the
command that needs it. A command that does little needs no second module. Errors are `EngineError`s; `cli` says them.
"""
