"""Are answers held up by their sources? Without a model for every answer, with one for a sample."""
