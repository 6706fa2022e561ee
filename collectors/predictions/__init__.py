"""Prediction events and their labels: every format in, one batch out."""
