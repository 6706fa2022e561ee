"""burnline watches AI services and acts when they stop keeping their promise."""

__version__ = "0.1.0.dev0"
