"""Wrong brokers: the suite must notice each of them."""
