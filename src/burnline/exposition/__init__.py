"""What /metrics is made of: prometheus_client's types in, its bytes out, at a fraction of the cost."""
