"""Site files that are shipped: twins as their owners describe them in public; `ldt gap NAME` reads one."""
