"""Jobs that feed a service: what they post becomes series, and runs that never end are noticed."""
