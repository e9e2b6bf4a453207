"""How it is said over HTTP: clause 6."""
