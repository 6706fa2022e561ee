"""Service files as the SLO files of other tools; what those cannot say is listed."""
