"""How a verdict comes about. No pytest, no command line in here.

`run` leads a run and stands above `judging`, which stands above `transport`, which stands above `site`; the modules
beside them are the words that all of them speak: verdicts, declarations of checks, the catalogue, the report.
"""
