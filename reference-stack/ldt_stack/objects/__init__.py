"""Object storage of the twin: SeaweedFS as a supervised process, and the small S3 client that the parts use."""
