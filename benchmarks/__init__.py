"""What the embedded broker costs beside bare programs that do no NGSI-LD: ratios within one run.

`python -m benchmarks` (`make bench`). Absolute figures of one machine say little about another; so every subject is
measured against something simple on the same machine in the same minute, in interleaved rounds, and the median ratio
is what to look at. Nothing here passes or fails.
"""
