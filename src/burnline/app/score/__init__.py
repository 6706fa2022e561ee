"""`burnline score`: a table judged window by window, by the detectors that the service runs."""
