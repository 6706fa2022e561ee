"""`jobs` in the service file: what is expected of each job that feeds the service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from burnline.spec.strict import Strict
from burnline.spec.units import Duration

MOST = 50
JobName = Annotated[str, Field(min_length=1, max_length=200)]
RECORD = ("commit", "data", "environment", "seeds", "metrics")  # what a run that can be repeated has written down


class JobSpec(Strict):
    """One job: training, ingestion, a backup, a scan, a replication.

    Attributes:
        every: it must have succeeded again within that time.
        max_duration: a run that has not ended by then is given up as lost.
        record: whether a run must say what it was made of (RECORD): `required` makes a run without it a failed one.
        overlap: several runs at once are usual; otherwise a start means that the run before it was lost.
        lineage: the job's `namespace/name` in OpenLineage.
        behind: the job whose data this one copies, as the online feature store the offline one.
    """

    every: Duration | None = None
    max_duration: Duration | None = None
    record: Literal["required", "flag", "off"] = "off"
    overlap: bool = False
    lineage: Annotated[str, Field(max_length=400)] = ""
    behind: JobName | None = None
