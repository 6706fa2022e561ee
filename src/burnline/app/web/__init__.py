"""Who may connect and how: TLS and passwords by a web.config.yml, as Prometheus' exporters have it."""
