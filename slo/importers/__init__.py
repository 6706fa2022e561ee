"""SLO files of other tools, read strictly and written as service files: what cannot be carried over is listed."""
