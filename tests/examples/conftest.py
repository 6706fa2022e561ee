"""The example service is no installed package: it runs with examples/ on the path, as in the demo."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
