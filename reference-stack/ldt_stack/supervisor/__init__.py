"""What keeps the parts of a running twin together: child processes that end with us, ports, workspace, site file.

Once everything answers, the ready file says where, as JSON: the URL of each part that was started (`broker`, `objects`,
`forecaster`, `city`, `ui`), of the city's `catalogue` and `context`, and the paths `site_file` (a complete `ldt.yaml`
of the running twin, so that `ldt check` needs nothing else) and `credentials_file`.
"""
