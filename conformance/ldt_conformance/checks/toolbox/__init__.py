"""The toolbox pack: the seven layers of the EU LDT Toolbox, judged on twins of any kind. Mostly read-only."""
