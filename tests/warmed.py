"""What a warm burnline has read before it is forked: see tests/warm.py."""

import burnline.app.cli
import burnline.app.up  # noqa: F401
from burnline.runbooks.load import load_catalogue

load_catalogue(None)
