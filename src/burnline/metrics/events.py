"""Prediction events and their labels, beside burnline's own counters of what it accepted and refused."""

from __future__ import annotations

from burnline.metrics.measured import measured

LATE = measured("burnline_events_late_total", "Events that came later than events.lateness allows; in no window.")
DUPLICATES = measured("burnline_events_duplicate_total", "Events whose id, or whose batch's key, was there before.")
VIOLATIONS = measured(
    "burnline_events_schema_violations_total",
    "Values that model.schema does not allow, by {feature} and {reason} (missing, type, range, value).",
)
UNKNOWN = measured(
    "burnline_events_unknown_features_total",
    "Values of features that neither the reference nor model.schema knows, by {version}; they are dropped.",
)
LABELLED = measured("burnline_labelled_events_total", "Events with a prediction whose label came, by {version}.")
WRONG = measured(
    "burnline_labelled_wrong_total", "Of those, events whose label is not what was predicted, by {version}."
)
ERROR = measured(
    "burnline_labelled_absolute_error_total",
    "Sum of the absolute errors where prediction and label are numbers, by {version}; of one answer 1e15 at most.",
)
UNMATCHED = measured("burnline_labels_unmatched_total", "Labels for whose event events.label_wait was too short.")
SHADOW_PAIRS = measured(
    "burnline_events_shadow_pairs_total",
    "Events that a shadow answered beside the version that served, by {version} and {baseline}.",
)
SHADOW_DIFFERENT = measured(
    "burnline_events_shadow_disagreements_total",
    "Of those, events that the two answered differently, by {version} and {baseline}.",
)
SHADOW_DIFFERENCE = measured(
    "burnline_events_shadow_absolute_difference_total",
    "Sum of the absolute differences of numeric answers, by {version} and {baseline}; 1e15 of one pair at most.",
)
REPEATED = measured("burnline_labels_duplicate_total", "Labels of events that had one already; the first counts.")
SAMPLES_JOINED = measured(
    "burnline_samples_joined_total", "Sampled events whose features as served were compared with training's."
)
SAMPLES_UNMATCHED = measured(
    "burnline_samples_unmatched_total", "Sampled events whose other side did not come in events.keep, by {side} kept."
)
SAMPLES_DROPPED = measured(
    "burnline_samples_dropped_total",
    "Sampled events for which there was no room, by {side}; lower signals.skew.sample.",
)
BY_VERSION = frozenset({UNKNOWN, LABELLED, WRONG, ERROR, SHADOW_PAIRS, SHADOW_DIFFERENT, SHADOW_DIFFERENCE})
