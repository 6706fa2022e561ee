"""The HTTP surface: doors for what comes in, JSON for programs, pages for people."""
