"""What live data is compared with where no training data was profiled: the features that `model.schema` declares."""

from __future__ import annotations

from burnline.detectors.profile import VERSION, Category, Column, Number, Reference
from burnline.spec.events import FeatureSpec, SchemaSpec

CERTAIN = 10**9  # events: a declaration is no sample, so chance has no part in it


def declared_reference(schema: SchemaSpec) -> Reference:
    """A reference of these features alone: nothing is known of the answers or of how often which value comes."""
    columns = {name: _column(feature) for name, feature in schema.features.items()}
    return Reference(VERSION, "model.schema", CERTAIN, columns, None, None)


def _column(feature: FeatureSpec) -> Column:
    if feature.type == "number":
        return Number((), (CERTAIN,), 0, feature.min, feature.max)
    values = ("true", "false") if feature.type == "bool" else feature.values
    return Category(values, (0,) * len(values), (), 0, CERTAIN, 0)
