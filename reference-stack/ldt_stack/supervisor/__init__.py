"""What keeps the parts of a running twin together: child processes that end with us, ports, workspace, site file."""
