"""What users write: the service file, read strictly and turned into frozen models."""
