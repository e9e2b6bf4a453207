"""Load tests with honest latencies: an open-loop schedule inside locust."""
