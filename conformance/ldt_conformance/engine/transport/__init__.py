"""The only way to a target: what may be sent, what is noted before it leaves, how it is sent, what is kept of it."""
