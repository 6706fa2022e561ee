"""Drills: break a service on purpose, in simulation or on drill targets, and judge everything that should follow."""
