"""A run from its settings to its run set: prepared, looked around, ended, cleaned up, and picked up after a crash."""
