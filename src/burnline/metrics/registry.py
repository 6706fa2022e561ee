"""Which version is live, and whether somebody approved its release."""

from __future__ import annotations

from burnline.metrics.measured import measured

RELEASE_INFO = measured(
    "burnline_release_info",
    "1 for the version {version} that serves; {approved} is yes, no, or unknown when nobody released it.",
)
SERVING_SINCE = measured("burnline_release_serving_since_timestamp_seconds", "Since when it was seen to serve.")
